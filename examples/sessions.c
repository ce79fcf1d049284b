/*
 * Device sessions in C: devices that a table knows collect data, which goes into a file, and is printed when the program's input ends.
 *
 *     cc examples/sessions.c -Iinclude -Ltarget/release -landon -o sessions
 *     ./sessions 127.0.0.1:8000 recording.db
 *
 * Be a device, which shows its key: websocat -H='Authorization: Bearer key-of-AMR_1' ws://127.0.0.1:8000/ws/device
 *     {"type":"session_start","deviceId":"AMR_1"}
 *     {"type":"data","v":1.5}
 *     {"type":"session_end","deviceId":"AMR_1"}
 */
#include <andon.h>

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

static void must(andon_status status, const char *what) {
    if (status == ANDON_STATUS_OK) return;
    fprintf(stderr, "%s: %s: %s\n", what, andon_status_text(status), andon_last_error());
    exit(1);
}

static bool print(void *context, andon_bytes lines) {
    return fwrite(lines.data, 1, lines.length, context) == lines.length;
}

static void tell(const andon_event *event) {
    const andon_session *session = &event->data.session.session;
    if (event->kind == ANDON_EVENT_SESSION_CREATED) printf("%s begins %s\n", session->device.data, session->id.data);
    /* It may not be in the file yet: the client's session_ended says when it is. */
    if (event->kind == ANDON_EVENT_SESSION_ENDED) printf("%s has %llu samples\n", session->id.data, (unsigned long long)session->sample_count);
    fflush(stdout);
}

/* All that the file holds. */
static void print_recorded(const andon_server *server) {
    andon_cursor *cursor;
    const andon_session *sessions;
    size_t count, at;
    must(andon_server_read_sessions(server, NULL, &cursor), "cannot read");
    do {
        must(andon_cursor_next_sessions(cursor, &sessions, &count), "cannot read sessions");
        for (at = 0; at < count; at++) {
            printf("%s of %s:\n", sessions[at].id.data, sessions[at].device.data);
            must(andon_server_export(server, sessions[at].id, ANDON_EXPORT_CSV, 0, print, stdout, NULL), "cannot read samples");
        }
    } while (count > 0);
    andon_cursor_free(cursor);
}

int main(int argc, char **argv) {
    andon_identities *devices;
    andon_identity who = ANDON_IDENTITY_INIT;
    andon_gate *gate;
    andon_mount_options mount = ANDON_MOUNT_OPTIONS_INIT;
    andon_config *config;
    andon_server *server;
    andon_event event = ANDON_EVENT_INIT;
    struct pollfd wait[2];

    must(andon_identities_new(&devices), "cannot make a table");
    who.subject = andon_text("AMR_1");
    must(andon_identities_insert(devices, andon_text("key-of-AMR_1"), &who), "cannot know the device");
    must(andon_gate_new_identities(devices, &gate), "cannot make a gate");
    must(andon_gate_bearer(gate), "cannot look for keys");
    mount.gate = gate;

    must(andon_config_new(&config), "cannot begin");
    must(andon_config_listen(config, andon_text(argc > 1 ? argv[1] : "127.0.0.1:8000")), "cannot listen");
    must(andon_config_store_sqlite(config, andon_text(argc > 2 ? argv[2] : "recording.db"), NULL), "cannot record");
    must(andon_config_devices(config, andon_text("/ws/device"), NULL, &mount), "cannot mount");
    must(andon_config_events(config, ANDON_EVENTS_CONTRACTS), "cannot hear");
    must(andon_server_start(config, &server), "cannot start");
    andon_config_free(config);
    andon_gate_free(gate);
    printf("listening on port %d\n", andon_server_port(server, 0));
    fflush(stdout);

    wait[0].fd = 0;
    must(andon_server_event_fd(server, &wait[1].fd), "cannot wait for events");
    wait[0].events = wait[1].events = POLLIN;
    for (;;) {
        while (andon_server_next_event(server, 0, &event) == ANDON_STATUS_OK) {
            tell(&event);
            andon_event_release(&event);
        }
        if (poll(wait, 2, -1) > 0 && wait[0].revents != 0 && getchar() == EOF) break;
    }
    print_recorded(server);
    andon_server_free(server);
    andon_identities_free(devices);
    return 0;
}
