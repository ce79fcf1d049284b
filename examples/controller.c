/*
 * A controller with a 1 kHz scan loop: 17 machines are fed into the tag table, and whoever watches sees them at ws://127.0.0.1:8000/ws/monitor.
 *
 *     cc -Iinclude examples/controller.c -Ltarget/release -landon -lpthread -lm -o controller
 *     ./controller [IP:PORT [SECONDS]]
 *
 * The scan loop calls nothing but tag writes: no lock, no allocation, no system call of the library's. Everything else, events among it, has a thread of its own.
 */
#include <andon.h>

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MACHINES = 17, CYCLE_NS = 1000000 };

/* One machine of the line, and its handles, which are plain numbers. */
typedef struct {
    andon_equipment equipment;
    andon_tag speed, parts, recipe;
    int64_t made;
} machine;

static machine line[MACHINES];
static andon_tags *tags;
static volatile sig_atomic_t wanted_end;

static void on_signal(int number) {
    (void)number;
    wanted_end = 1;
}

/* Ends the program where it cannot go on, with what the library says of it. */
static void must(andon_status status, const char *what) {
    if (status != ANDON_STATUS_OK) {
        fprintf(stderr, "controller: %s: %s: %s\n", what, andon_status_text(status), andon_last_error());
        exit(1);
    }
}

/* ---- Once, at start: what there is. ---- */

static void declare(int number) {
    andon_tag_options own[3];
    andon_equipment_options options = ANDON_EQUIPMENT_OPTIONS_INIT;
    machine *m = &line[number];
    char code[32], name[32];
    snprintf(code, sizeof code, "PRESS-%02d", number + 1);
    snprintf(name, sizeof name, "프레스 %d호", number + 1);
    own[0].name = andon_text("speed");
    own[0].kind = ANDON_KIND_F64;
    own[1].name = andon_text("parts");
    own[1].kind = ANDON_KIND_I64;
    own[2].name = andon_text("recipe");
    own[2].kind = ANDON_KIND_TEXT;
    options.code = andon_text(code);
    options.name = andon_text(name);
    options.tags = own;
    options.tags_count = 3;
    options.stale_after_ms = 1000; /* A scan loop that stands still for a second is one that nobody should believe. */
    must(andon_tags_declare(tags, &options, &m->equipment), code);
    must(andon_equipment_tag(tags, m->equipment, own[0].name, ANDON_ENCODING_UTF8, ANDON_KIND_F64, &m->speed), "speed");
    must(andon_equipment_tag(tags, m->equipment, own[1].name, ANDON_ENCODING_UTF8, ANDON_KIND_I64, &m->parts), "parts");
    must(andon_equipment_tag(tags, m->equipment, own[2].name, ANDON_ENCODING_UTF8, ANDON_KIND_TEXT, &m->recipe), "recipe");
}

/* ---- In each cycle: what is so now. Each machine as one, so that nobody sees half of it. ---- */

static void scan(long cycle) {
    int number;
    for (number = 0; number < MACHINES; number++) {
        machine *m = &line[number];
        andon_tag_write writes[4];
        double turn = (double)cycle / 1000.0 + number;
        if (cycle % (200 + number) == 0) m->made++;
        writes[0].tag.equipment = m->equipment;
        writes[0].tag.index = ANDON_TAG_STATUS;
        writes[0].kind = ANDON_KIND_BOOL;
        writes[0].value.boolean = sin(turn / 7) > -0.9;
        writes[1].tag = m->speed;
        writes[1].kind = ANDON_KIND_F64;
        writes[1].value.f64 = 30 + 5 * sin(turn);
        writes[2].tag = m->parts;
        writes[2].kind = ANDON_KIND_I64;
        writes[2].value.i64 = m->made;
        writes[3].tag = m->recipe;
        writes[3].kind = ANDON_KIND_TEXT;
        writes[3].value.text = andon_text(m->made % 2 ? "A-7" : "B-2");
        /* A fault here is one of the program; a control loop does not end for it. It is counted, and seen in the statistics. */
        (void)andon_tags_update(tags, m->equipment, writes, 4);
    }
}

/* ---- On a thread of its own: what the server tells. ---- */

static void *tell(void *argument) {
    andon_server *server = argument;
    andon_event event = ANDON_EVENT_INIT;
    andon_status status;
    while ((status = andon_server_next_event(server, ANDON_FOREVER, &event)) == ANDON_STATUS_OK) {
        switch (event.kind) {
        case ANDON_EVENT_OPENED:
            printf("watched by %s\n", event.data.opened.peer.data);
            break;
        case ANDON_EVENT_CLOSED:
            printf("a watcher has gone (%d)\n", (int)event.data.closed.code);
            break;
        case ANDON_EVENT_STALENESS:
            printf("%s is %s\n", event.data.staleness.code.data, event.data.staleness.stale ? "silent" : "back");
            break;
        default: /* Later versions may tell more. */
            break;
        }
        fflush(stdout);
        andon_event_release(&event);
    }
    return NULL;
}

int main(int count, char **arguments) {
    const char *address = count > 1 ? arguments[1] : "127.0.0.1:8000";
    long seconds = count > 2 ? atol(arguments[2]) : -1, cycle;
    andon_tags_options room = ANDON_TAGS_OPTIONS_INIT;
    andon_config *config;
    andon_server *server;
    andon_stopped stopped;
    pthread_t teller;
    struct timespec next;
    int number;

    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    room.equipment = MACHINES;
    room.tags_each = 3;
    must(andon_tags_new(&room, &tags), "the tag table");
    for (number = 0; number < MACHINES; number++) declare(number);

    must(andon_config_new(&config), "a configuration");
    must(andon_config_listen(config, andon_text(address)), address);
    must(andon_config_monitor(config, andon_text("/ws/monitor"), tags, NULL, NULL), "the monitor");
    must(andon_config_events(config, ANDON_EVENTS_CONNECTIONS | ANDON_EVENTS_CONTRACTS), "events");
    must(andon_server_start(config, &server), "the start");
    andon_config_free(config);
    printf("listening on port %d\n", (int)andon_server_port(server, 0));
    fflush(stdout);
    if (pthread_create(&teller, NULL, tell, server) != 0) return 1;

    clock_gettime(CLOCK_MONOTONIC, &next);
    for (cycle = 0; !wanted_end && (seconds < 0 || cycle < seconds * 1000); cycle++) {
        scan(cycle);
        next.tv_nsec += CYCLE_NS;
        if (next.tv_nsec >= 1000000000) {
            next.tv_nsec -= 1000000000;
            next.tv_sec++;
        }
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }

    must(andon_server_stop(server, 2000, &stopped), "the stop");
    pthread_join(teller, NULL); /* It has read the last event. */
    andon_server_free(server);
    andon_tags_free(tags);
    printf("stopped after %ld cycles\n", cycle);
    return stopped == ANDON_STOPPED_ABANDONED;
}
