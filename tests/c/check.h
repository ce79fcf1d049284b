/* What the programs of these tests share: checks that end the program with the reason, and a small client. */
#ifndef CHECK_H
#define CHECK_H

#include <andon.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            fprintf(stderr, "%s:%d: not so: %s (last error: %s)\n", __FILE__, __LINE__,        \
                    #condition, andon_last_error());                                           \
            _exit(1);                                                                          \
        }                                                                                      \
    } while (0)

#define STATUS(expected, call)                                                                 \
    do {                                                                                       \
        andon_status status_ = (call);                                                         \
        if (status_ != (expected)) {                                                           \
            fprintf(stderr, "%s:%d: %s is %d (%s: %s), not %d\n", __FILE__, __LINE__, #call,   \
                    (int)status_, andon_status_text(status_), andon_last_error(),              \
                    (int)(expected));                                                          \
            _exit(1);                                                                          \
        }                                                                                      \
    } while (0)

#define OK(call) STATUS(ANDON_STATUS_OK, call)

/* Whatever hangs is ended by the system. */
static inline void begin(void) {
    alarm(120);
}

static inline int text_is(andon_str text, const char *expected) {
    return text.length == strlen(expected) && memcmp(text.data, expected, text.length) == 0 &&
           text.data[text.length] == 0;
}

static inline andon_bytes words(const char *text) {
    return andon_bytes_of(text, strlen(text));
}

static inline void write_all(int fd, const void *data, size_t length) {
    const char *at = (const char *)data;
    while (length > 0) {
        ssize_t written = send(fd, at, length, MSG_NOSIGNAL);
        CHECK(written > 0);
        at += written;
        length -= (size_t)written;
    }
}

/* 0 at the end of the stream. */
static inline int read_all(int fd, void *data, size_t length) {
    char *at = (char *)data;
    while (length > 0) {
        ssize_t got = recv(fd, at, length, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return 0;
        at += got;
        length -= (size_t)got;
    }
    return 1;
}

static inline int tcp(uint16_t port) {
    struct sockaddr_in address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

/* Sends a request. */
static inline void request(int fd, const char *method, const char *path, const char *headers) {
    char text[2048];
    int made = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", method, path, headers);
    CHECK(made > 0 && (size_t)made < sizeof text);
    write_all(fd, text, (size_t)made);
}

/* The answer's status; the head is left in `head`, NUL-terminated. 0 at the end of the stream. */
static inline int answer(int fd, char *head, size_t room) {
    size_t length = 0;
    for (;;) {
        CHECK(length + 1 < room);
        if (!read_all(fd, head + length, 1)) return 0;
        head[++length] = 0;
        if (length >= 4 && memcmp(head + length - 4, "\r\n\r\n", 4) == 0) break;
    }
    return atoi(head + 9);
}

static inline int ask(int fd, const char *method, const char *path, const char *headers, char *head, size_t room) {
    request(fd, method, path, headers);
    return answer(fd, head, room);
}

/* Asks for a WebSocket, with these headers too. */
static inline void ws_request(int fd, const char *path, const char *headers) {
    char all[1536];
    CHECK((size_t)snprintf(all, sizeof all,
                           "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s",
                           headers) < sizeof all);
    request(fd, "GET", path, all);
}

/* Opens a WebSocket; what it got instead of 101 comes back as a negative number. */
static inline int ws_open_with(uint16_t port, const char *path, const char *headers) {
    char head[4096];
    int fd = tcp(port);
    int status;
    ws_request(fd, path, headers);
    status = answer(fd, head, sizeof head);
    if (status == 101) return fd;
    close(fd);
    return -status;
}

static inline int ws_open(uint16_t port, const char *path) {
    return ws_open_with(port, path, "");
}

static inline void ws_send(int fd, int opcode, const void *data, size_t length) {
    unsigned char header[8] = {0};
    size_t size = 6;
    header[0] = (unsigned char)(0x80 | opcode);
    if (length < 126) {
        header[1] = (unsigned char)(0x80 | length);
    } else {
        CHECK(length < 65536);
        header[1] = 0x80 | 126;
        header[2] = (unsigned char)(length >> 8);
        header[3] = (unsigned char)length;
        size = 8;
    }
    /* The mask is zero: legal, and nothing to do. */
    write_all(fd, header, size);
    write_all(fd, data, length);
}

static inline void ws_text(int fd, const char *text) {
    ws_send(fd, 1, text, strlen(text));
}

/*
 * Reads one frame into `data`, NUL-terminated, and gives its opcode; 0 at the end of the stream. Pings are answered, as every client does: a
 * program that is slow to read, on a machine with much to do, gets some.
 */
static inline int ws_read(int fd, char *data, size_t room) {
    unsigned char header[10];
    size_t length;
    int opcode;
    do {
        if (!read_all(fd, header, 2)) return 0;
        opcode = header[0] & 15;
        length = header[1] & 127;
        if (length == 126) {
            CHECK(read_all(fd, header + 2, 2));
            length = (size_t)header[2] << 8 | header[3];
        } else if (length == 127) {
            CHECK(read_all(fd, header, 8));
            length = (size_t)header[7] << 16 | (size_t)header[8] << 8 | header[9];
        }
        CHECK(length + 1 < room);
        CHECK(read_all(fd, data, length));
        data[length] = 0;
        if (opcode == 9) ws_send(fd, 10, data, length);
    } while (opcode == 9);
    return opcode == 0 ? 2 : opcode;
}

/* Reads texts until one contains this. */
static inline void ws_until(int fd, const char *part) {
    static __thread char data[1 << 16];
    do {
        int opcode = ws_read(fd, data, sizeof data);
        if (opcode == 8)
            fprintf(stderr, "closed, %d: %s\n", (unsigned char)data[0] << 8 | (unsigned char)data[1], data + 2);
        if (opcode == 0) perror("the stream ended");
        CHECK(opcode == 1);
    } while (!strstr(data, part));
}

/* The number that the statistics hold under this name. */
static inline uint64_t counted(const andon_server *server, const char *name) {
    uint64_t values[256];
    size_t at;
    CHECK(andon_stats_count() <= 256);
    OK(andon_server_stats(server, values, 256));
    for (at = 0; at < andon_stats_count(); at++)
        if (strcmp(andon_stats_name(at), name) == 0) return values[at];
    CHECK(!"a number of this name");
    return 0;
}

/* A configuration that listens on a free port. */
static inline andon_config *config_new(void) {
    andon_config *config;
    OK(andon_config_new(&config));
    OK(andon_config_listen(config, andon_text("127.0.0.1:0")));
    return config;
}

/* Starts it and frees it. */
static inline andon_server *start(andon_config *config) {
    andon_server *server;
    OK(andon_server_start(config, &server));
    andon_config_free(config);
    return server;
}

/* A table with one equipment, "PRESS-01", which never goes stale, and its four tags. */
static inline andon_tags *press(andon_equipment *equipment, andon_tag tag[4]) {
    andon_tags *tags;
    andon_tag_options four[4];
    andon_equipment_options options = ANDON_EQUIPMENT_OPTIONS_INIT;
    int at;
    static const char *names[4] = {"open", "count", "speed", "recipe"};
    for (at = 0; at < 4; at++) {
        four[at].name = andon_text(names[at]);
        four[at].kind = ANDON_KIND_BOOL + at;
    }
    OK(andon_tags_new(NULL, &tags));
    options.code = andon_text("PRESS-01");
    options.name = andon_text("Press 1");
    options.tags = four;
    options.tags_count = 4;
    options.stale_after_ms = ANDON_FOREVER;
    OK(andon_tags_declare(tags, &options, equipment));
    for (at = 0; at < 4; at++)
        OK(andon_equipment_tag(tags, *equipment, andon_text(names[at]), ANDON_ENCODING_UTF8, ANDON_KIND_BOOL + at, &tag[at]));
    return tags;
}

#endif
