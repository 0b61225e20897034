#!/usr/bin/env node
/** The verifier as a program that takes files. */
export {};
