"""How schemathesis looks at this server, beyond what the document of the API says.

A schema says of each value what it may be. What two values must be to each other, what the database
holds, and what a setting allows it cannot say. Requests that are refused for such a reason are not
taken for ones that should have been accepted: EXCUSED has them, by the code of the problem, the pointer
to what is wrong and the words of its sentence, so that any other refusal of a request that fits its schema is a failure.
"""

import json
import re

import cbor2
import schemathesis
from schemathesis.checks import positive_data_acceptance
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree
from schemathesis.specs.openapi.checks import use_after_free

# Code, pointer, and what the sentence says.
EXCUSED = [
    # What the database holds.
    ("invalid_parameter", "/as_of", "the journal has reached|ahead of the server|a transaction sees|read-only"),
    ("invalid_parameter", "/(from|to|since|until)", "the journal has reached|ahead of the server"),
    ("invalid_body", "/as_of", "the journal has reached|ahead of the server|read-only"),
    ("invalid_parameter", "/(seq|tree_size|first|second)", "give one from|the journal is empty"),
    ("invalid_document", ".*/derived_from/.*", "block"),
    ("invalid_cursor", "/cursor", ""),
    ("idempotency_key_reused", "", ""),
    ("precondition_failed", "", ""),
    # What a setting allows, and what is finite.
    ("invalid_parameter", "/limit", "FORMDB_PAGE_ITEMS"),
    ("invalid_parameter", "/wait", "FORMDB_LONGEST_WAIT_MS|wait is for"),
    ("invalid_id", ".*", "FORMDB_ID_BYTES"),
    ("invalid_geometry", ".*", "deep"),
    ("too_large", ".*", "FORMDB_"),
    ("uri_too_long", "", ""),
    ("invalid_json", ".*", "beyond 64 bits|beyond the range|128|no record separator"),
    # CBOR writes such an integer with one of two tags.
    ("invalid_cbor", ".*", "beyond 64 bits|beyond the range|128|found the tag [23] "),
    # Parameters and members that belong together, or exclude each other.
    ("invalid_parameter", "/(bbox|geometry|feature)", "there are both"),
    ("missing_parameter", "/geometry", "in the body"),
    ("missing_parameter", "/point", "point or feature"),
    ("invalid_parameter", "", "neither cell nor zoom|both cell and zoom|neither k nor radius"),
    ("invalid_parameter", "/(cell|zoom)", "both"),
    ("invalid_parameter", "", "which expects a version, and If-None-Match"),
    ("invalid_parameter", "/(transaction|cursor)", "not counted in a transaction|with count=true"),
    ("invalid_parameter", "/transaction", "that meet a box, without filters"),
    ("invalid_parameter", "/predicate", "without a box|bbox"),
    ("invalid_parameter", "/(origin|fill|order)", "without interval there are no buckets"),
    ("invalid_parameter", "/(interval|window|origin|fill|order)", "group_by has groups"),
    ("invalid_parameter", "/expected", "is for aggregation=coverage|give expected"),
    ("invalid_parameter", "/window", "give interval|months and years go with"),
    ("invalid_parameter", "/fill", "with a window"),
    ("invalid_parameter", "/aggregation", "is of a stretch of time|twice; give it once"),
    ("invalid_parameter", "/feature", "both|give one of them"),
    ("invalid_geometry", "/feature", ""),
    ("invalid_parameter", "/all", "neither start nor end"),
    ("missing_parameter", "/(start|end)", "or all=true"),
    ("invalid_parameter", "/until", "before since"),
    ("invalid_parameter", "/(shape|cursor)", "is that of a table|has no cursor|ask for one aggregation"),
    ("invalid_parameter", "/include", "has no column"),
    ("invalid_parameter", "/(on_error|on_duplicate|series_id|shape|missing)", "read as a whole|as it comes|text/csv"),
    # What lines and tables are is not said by a schema.
    ("invalid_point", "", "header of the table|a table with a header"),
    ("invalid_json", ".*", "faulty lines"),
    ("invalid_time_range", ".*", ""),
    ("invalid_point", ".*/values", "as many of each"),
    ("duplicate_id", ".*", ""),
    # Numbers and times that are text, or in ranges that depend on what is around them.
    ("invalid_timestamp", ".*", "not in the years|too few digits|in the range that is replaced"),
    ("invalid_position", "/point", ""),
    ("invalid_parameter", "/time", "no time"),
    ("invalid_parameter", "/(point|cell|radius|interval)", "give|from"),
    ("invalid_bbox", "/bbox", ""),
    ("invalid_bbox", ".*/bbox", "north of its north|does not meet|outside|misses"),
    # Which versions features have; a patch holds what changes.
    ("invalid_feature", ".*/formdb", "no version of|a patch holds"),
    # Of integers JSON Schema does not say that they have no fraction.
    ("invalid_timestamp", ".*", "a number with a fraction or an exponent"),
    ("invalid_body", "/as_of", r"as_of is \S*(\.|e)"),
    ("invalid_parameter", ".*", r'is "[0-9]+\.0"; expected a whole number'),
    ("invalid_parameter", "/(first_seq|last_seq|transaction|sequences/.*)", "found a number"),
    # What filters say, and which URLs a webhook takes, is read by the engine.
    ("invalid_parameter", "/filter.*", ""),
    ("invalid_bbox", "/filter/bbox", ""),
    ("invalid_parameter", "/since", "reached|give"),
    ("invalid_timestamp", "/since", ""),
    ("invalid_address", "/address", ""),
    ("invalid_parameter", "/outside", "the ends of the band"),
    # What zones there are is in a database.
    ("invalid_parameter", "/tz", "there is no time zone"),
    # What geometries are: rings end where they begin, and edges are not too wide.
    ("invalid_geometry", ".*", "ring is not closed|has no position"),
    ("antimeridian_crossing", ".*", ""),
    # schemathesis takes the quotes from the shortest tag, "0", before it sends it.
    ("invalid_parameter", "", '^If-(None-)?Match is "0";'),
]


def problem(response):
    try:
        found = json.loads(response.content)
        return found.get("code", ""), found.get("pointer", ""), found.get("detail", "")
    except (ValueError, AttributeError):
        return "", "", ""


@schemathesis.check
def valid_requests_are_taken(ctx, response, case):
    """positive_data_acceptance, but for what is excused."""
    try:
        return positive_data_acceptance(ctx, response, case)
    except RejectedPositiveData:
        code, pointer, detail = problem(response)
        for excused, place, words in EXCUSED:
            if code == excused and re.fullmatch(place, pointer) and re.search(words, detail):
                return None
        raise


@schemathesis.check
def what_is_deleted_is_gone(ctx, response, case):
    """use_after_free, but for what stays: a database that was closed and not purged, and the past."""
    try:
        return use_after_free(ctx, response, case)
    except UseAfterFree:
        path = case.operation.path
        stays = path.endswith(("/{db}", "/provenance", "/diff", "/lineage")) or "as_of" in (case.query or {})
        if stays:
            return None
        raise


def plain(value):
    """CBOR as JSON has it: bytes as their digits."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(plain(name)): plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value if not isinstance(value, cbor2.CBORTag) else plain(value.value)


@schemathesis.deserializer("application/cbor")
def from_cbor(ctx, response):
    return plain(cbor2.loads(response.content))


@schemathesis.serializer("application/cbor")
def as_cbor(ctx, value):
    return cbor2.dumps(value)


@schemathesis.deserializer("application/x-ndjson")
def from_lines(ctx, response):
    """The last line: the schema is that of each."""
    return json.loads(response.content.splitlines()[-1])


@schemathesis.serializer("application/x-ndjson", "application/geo+json-seq", "text/csv")
def as_text(ctx, value):
    return value.encode("utf-8", "replace") if isinstance(value, str) else json.dumps(value).encode()


@schemathesis.deserializer("text/html", "text/css", "text/javascript", "text/csv", "application/geo+json-seq")
def from_text(ctx, response):
    return response.content.decode()
