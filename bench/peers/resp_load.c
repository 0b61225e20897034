/*
 * Asks a server in the protocol of Redis (RESP 2), as wrk asks one over HTTP: one thread,
 * several connections, each of which sends its next command when it has its answer.
 *
 *   resp_load PORT CONNECTIONS SECONDS FILE DEPTH
 *
 * FILE holds encoded commands. They are asked in turn for so many seconds; with 0 seconds
 * each once. DEPTH of them are under way at a time on each connection.
 * Prints how many were answered, the microseconds that took, and how many of the answers
 * were errors.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct connection {
  int socket;
  size_t under_way;
  char *in;
  size_t in_size, in_room;
  char *out;
  size_t out_size, out_sent, out_room;
};

static char *commands;
static size_t *starts; /* of each command, and the end of the last */
static size_t count, next_command, sent, answered, errors;
static size_t depth;
static int once;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void *grow(void *memory, size_t size) {
  memory = realloc(memory, size);
  if (!memory) fail("memory");
  return memory;
}

static int64_t micros(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* The end of a value that begins at `at`, or NULL if it is not all there. */
static char *end_of(char *at, char *end) {
  char *line = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
  if (!line) return NULL;
  long number = strtol(at + 1, NULL, 10);
  switch (*at) {
  case '$':
    if (number < 0) return line + 1;
    return line + 1 + number + 2 <= end ? line + 1 + number + 2 : NULL;
  case '*':
    at = line + 1;
    while (at && number-- > 0) at = end_of(at, end);
    return at;
  default: return line + 1;
  }
}

static void read_commands(const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(path);
  fseek(file, 0, SEEK_END);
  size_t size = (size_t)ftell(file);
  rewind(file);
  commands = grow(NULL, size + 1);
  if (fread(commands, 1, size, file) != size) fail(path);
  fclose(file);
  char *at = commands, *end = commands + size;
  size_t room = 0;
  while (at && at < end) {
    if (count + 2 > room) starts = grow(starts, (room = room * 2 + 1024) * sizeof *starts);
    starts[count++] = (size_t)(at - commands);
    at = end_of(at, end);
  }
  if (!at || !count) {
    fprintf(stderr, "%s does not hold whole commands\n", path);
    exit(1);
  }
  starts[count] = size;
}

static void send_out(struct connection *c) {
  while (c->out_sent < c->out_size) {
    ssize_t n = write(c->socket, c->out + c->out_sent, c->out_size - c->out_sent);
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) fail("write");
    c->out_sent += (size_t)n;
  }
  c->out_size = c->out_sent = 0;
}

static void ask(struct connection *c) {
  while (c->under_way < depth && !(once && sent == count)) {
    size_t from = starts[next_command], size = starts[next_command + 1] - from;
    next_command = (next_command + 1) % count;
    if (c->out_size + size > c->out_room) c->out = grow(c->out, c->out_room = (c->out_size + size) * 2);
    memcpy(c->out + c->out_size, commands + from, size);
    c->out_size += size;
    c->under_way++;
    sent++;
  }
}

static void take(struct connection *c) {
  for (;;) {
    if (c->in_room - c->in_size < 65536) c->in = grow(c->in, c->in_room = c->in_room * 2 + 131072);
    ssize_t n = read(c->socket, c->in + c->in_size, c->in_room - c->in_size);
    if (n < 0 && errno == EAGAIN) break;
    if (n <= 0) fail("read");
    c->in_size += (size_t)n;
  }
  char *at = c->in, *end = c->in + c->in_size, *next;
  while ((next = end_of(at, end))) {
    if (*at == '-' && !errors++) fprintf(stderr, "%.*s", (int)(next - at), at);
    answered++;
    c->under_way--;
    at = next;
  }
  c->in_size = (size_t)(end - at);
  memmove(c->in, at, c->in_size);
}

int main(int argc, char **argv) {
  if (argc != 6) {
    fprintf(stderr, "usage: resp_load PORT CONNECTIONS SECONDS FILE DEPTH\n");
    return 2;
  }
  size_t connections = (size_t)atoi(argv[2]);
  int64_t seconds = atoi(argv[3]);
  once = seconds == 0;
  depth = (size_t)atoi(argv[5]);
  read_commands(argv[4]);

  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  struct connection *all = calloc(connections, sizeof *all);
  int poll = epoll_create1(0), on = 1;
  if (!all || poll < 0) fail("start");
  for (size_t i = 0; i < connections; i++) {
    struct connection *c = &all[i];
    c->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->socket, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    setsockopt(c->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fcntl(c->socket, F_SETFL, O_NONBLOCK) < 0) fail("fcntl");
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    epoll_ctl(poll, EPOLL_CTL_ADD, c->socket, &event);
  }

  int64_t began = micros(), until = began + seconds * 1000000;
  struct epoll_event events[256];
  while (once ? answered < count : micros() < until) {
    int n = epoll_wait(poll, events, 256, 100);
    for (int i = 0; i < n; i++) {
      struct connection *c = events[i].data.ptr;
      if (events[i].events & EPOLLIN) take(c);
      ask(c);
      send_out(c);
    }
  }
  printf("%zu %lld %zu\n", answered, (long long)(micros() - began), errors);
  return 0;
}
