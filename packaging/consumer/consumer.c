/*
 * What a machine's program does with the library, in short: a tag is written, and a client on the loopback address sees it. It runs
 * wherever the library does, and says what it was compiled with and runs with.
 */
#include <andon.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <winsock2.h>
typedef SOCKET connection;
#define close_connection closesocket
#else
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
typedef int connection;
#define close_connection close
#endif

static void need(int is_so, const char *what) {
    if (!is_so) {
        fprintf(stderr, "consumer: %s: %s\n", what, andon_last_error());
        exit(1);
    }
}

static void ok(andon_status status, const char *what) {
    if (status != ANDON_STATUS_OK) fprintf(stderr, "consumer: %s\n", andon_status_text(status));
    need(status == ANDON_STATUS_OK, what);
}

static connection connect_to(uint16_t port) {
    struct sockaddr_in address;
    connection client = socket(AF_INET, SOCK_STREAM, 0);
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    need(connect(client, (struct sockaddr *)&address, sizeof address) == 0, "the server is not reached");
    return client;
}

/* Reads until these words have come by. */
static void read_until(connection client, const char *words) {
    static char seen[1 << 16];
    size_t length = 0;
    for (;;) {
        size_t at;
        int got;
        if (length > sizeof seen / 2) {
            memmove(seen, seen + length - 256, 256);
            length = 256;
        }
        got = (int)recv(client, seen + length, (int)(sizeof seen - 1 - length), 0);
        need(got > 0, words);
        length += (size_t)got;
        seen[length] = 0;
        for (at = 0; at < length; at++) /* lengths of frames may be zero bytes */
            if (strncmp(seen + at, words, strlen(words)) == 0) return;
    }
}

int main(void) {
    static const char request[] = "GET /ws/monitor HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    andon_equipment_options press = ANDON_EQUIPMENT_OPTIONS_INIT;
    andon_monitor_options monitor = ANDON_MONITOR_OPTIONS_INIT;
    andon_event event = ANDON_EVENT_INIT;
    andon_tag_options declared;
    andon_equipment equipment;
    andon_config *config;
    andon_server *server;
    andon_stopped stopped;
    andon_tags *tags;
    andon_tag speed;
    connection client;
#ifdef _WIN32
    WSADATA sockets;
    need(WSAStartup(MAKEWORD(2, 2), &sockets) == 0, "there are no sockets");
#endif

    need(andon_version() == ANDON_VERSION, "the library is not the one of this header");

    declared.name = andon_text("speed");
    declared.kind = ANDON_KIND_F64;
    press.code = andon_text("PRESS-01");
    press.name = andon_text("Press 1");
    press.tags = &declared;
    press.tags_count = 1;
    press.stale_after_ms = ANDON_FOREVER;
    ok(andon_tags_new(NULL, &tags), "a tag table");
    ok(andon_tags_declare(tags, &press, &equipment), "an equipment");
    ok(andon_equipment_tag(tags, equipment, andon_text("speed"), ANDON_ENCODING_UTF8, ANDON_KIND_F64, &speed), "a tag");

    monitor.period_ms = 20;
    ok(andon_config_new(&config), "a configuration");
    ok(andon_config_listen(config, andon_text("127.0.0.1:0")), "an address");
    ok(andon_config_monitor(config, andon_text("/ws/monitor"), tags, &monitor, NULL), "a monitor");
    ok(andon_config_events(config, ANDON_EVENTS_CONNECTIONS), "events");
    ok(andon_server_start(config, &server), "a server");
    andon_config_free(config);

    client = connect_to(andon_server_port(server, 0));
    need(send(client, request, (int)sizeof request - 1, 0) == (int)sizeof request - 1, "the request is not sent");
    read_until(client, "HTTP/1.1 101");
    ok(andon_tag_set_f64(tags, speed, 31.5), "a write");
    read_until(client, "\"speed\":31.5");
    ok(andon_server_next_event(server, ANDON_FOREVER, &event), "an event");
    need(event.kind == ANDON_EVENT_OPENED, "the event is another");
    andon_event_release(&event);

    close_connection(client);
    ok(andon_server_stop(server, 5000, &stopped), "the stop");
    andon_server_free(server);
    andon_tags_free(tags);
    printf("consumer: andon %s, %d-bit, a tag was written and seen\n", andon_version_text(), (int)(8 * sizeof(void *)));
    return 0;
}
