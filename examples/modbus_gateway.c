/*
 * A gateway for Modbus TCP: devices are polled by libmodbus (Debian: libmodbus-dev), and whoever watches sees them at ws://127.0.0.1:8000/ws/monitor.
 *
 *     cc -Iinclude examples/modbus_gateway.c $(pkg-config --cflags --libs libmodbus) -Ltarget/release -landon -lpthread -o modbus_gateway
 *     ./modbus_gateway IP:PORT CODE=IP:PORT[/UNIT]...          such as: ./modbus_gateway 127.0.0.1:8000 PRESS-01=192.168.0.17:502
 *
 * Each device has a thread of its own, so that one that does not answer delays no other. What a device does not tell is not written: its equipment is shown as
 * disconnected after its deadline, by the library, with the last values that were true. When no device answers, clients are told that the source is lost.
 */
#include <andon.h>

#include <errno.h>
#include <modbus.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    DEVICES_MAX = 16,
    POLL_MS = 100,
    ANSWER_MS = 300, /* For each of the two requests of a poll, and for a connection. */
    STALE_MS = 1000, /* More than a poll takes, or equipment would be stale and back again and again. */
    RETRY_MS_MAX = 4000
};

/* ---- What stands where: from the manual of the device. ---- */

enum form { FLOAT_BIG_ENDIAN, COUNTER_32, TENTHS_16 };

static const struct {
    const char *name;
    int first; /* Holding register, counted from 0; many manuals count from 1, or from 40001. */
    enum form form;
} map[] = {
    {"speed", 0, FLOAT_BIG_ENDIAN}, /* Metres in a minute: IEEE 754, the high word first. A device with the low word first wants modbus_get_float_cdab. */
    {"parts", 2, COUNTER_32},       /* The high word first, too. */
    {"temperature", 4, TENTHS_16},  /* Tenths of a degree, and there is frost. */
};
enum { TAGS = sizeof map / sizeof *map, REGISTERS = 5, COIL_RUNNING = 0, COIL_FAULT = 1, COILS = 2 };

static void convert(const uint16_t *words, enum form form, andon_tag_write *write) {
    switch (form) {
    case FLOAT_BIG_ENDIAN:
        write->kind = ANDON_KIND_F64;
        write->value.f64 = modbus_get_float_abcd(words); /* What is no number is shown as no value. */
        break;
    case COUNTER_32:
        write->kind = ANDON_KIND_I64;
        write->value.i64 = (int64_t)((uint32_t)words[0] << 16 | words[1]);
        break;
    case TENTHS_16:
        write->kind = ANDON_KIND_F64;
        write->value.f64 = (int16_t)words[0] / 10.0;
        break;
    }
}

static andon_tag_kind kind_of(enum form form) {
    return form == COUNTER_32 ? ANDON_KIND_I64 : ANDON_KIND_F64;
}

/* ---- Devices. ---- */

typedef struct {
    char code[64], ip[64];
    int port, unit;
    modbus_t *bus;
    andon_equipment equipment;
    andon_tag own[TAGS];
    pthread_t thread;
} device;

static device devices[DEVICES_MAX];
static andon_tags *tags;

/* What the devices' threads share. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t end_is_wanted; /* On the monotonic clock. */
static int wanted_end, answering;

static void must(andon_status status, const char *what) {
    if (status != ANDON_STATUS_OK) {
        fprintf(stderr, "modbus_gateway: %s: %s: %s\n", what, andon_status_text(status), andon_last_error());
        exit(1);
    }
}

static int parse(const char *words, device *d) {
    d->unit = MODBUS_TCP_SLAVE; /* What a device is that has its own address; one behind a gateway for serial lines has a number. */
    return sscanf(words, "%63[^=]=%63[0-9.]:%d/%d", d->code, d->ip, &d->port, &d->unit) >= 3;
}

static void declare(device *d) {
    andon_tag_options own[TAGS];
    andon_equipment_options options = ANDON_EQUIPMENT_OPTIONS_INIT;
    size_t at;
    for (at = 0; at < TAGS; at++) {
        own[at].name = andon_text(map[at].name);
        own[at].kind = kind_of(map[at].form);
    }
    options.code = options.name = andon_text(d->code);
    options.tags = own;
    options.tags_count = TAGS;
    options.stale_after_ms = STALE_MS;
    must(andon_tags_declare(tags, &options, &d->equipment), d->code);
    for (at = 0; at < TAGS; at++)
        must(andon_equipment_tag(tags, d->equipment, own[at].name, ANDON_ENCODING_UTF8, own[at].kind, &d->own[at]), map[at].name);
}

/* Waits so long, or for the end; whether it is to go on. */
static int rest(int ms) {
    struct timespec until;
    int goes_on;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&lock);
    while (!wanted_end && pthread_cond_timedwait(&end_is_wanted, &lock, &until) != ETIMEDOUT) {}
    goes_on = !wanted_end;
    pthread_mutex_unlock(&lock);
    return goes_on;
}

/* One device more, or less, answers. Under the lock, so that the last word to the clients is the last that was true. */
static void answers(const device *d, int does, const char *why) {
    pthread_mutex_lock(&lock);
    answering += does ? 1 : -1;
    if (answering == 0) andon_tags_source_lost(tags);
    if (answering == 1 && does) andon_tags_source_back(tags);
    printf("%s %s%s\n", d->code, does ? "answers" : "is lost: ", why);
    fflush(stdout);
    pthread_mutex_unlock(&lock);
}

/* The device has understood and said no: it is there, and the connection is good. */
static int is_exception(int error) {
    return error >= EMBXILFUN && error <= EMBXGTAR;
}

/* Reads all of it, then writes it as one: nobody sees registers of one poll beside coils of another. */
static int poll_once(device *d) {
    andon_tag_write writes[TAGS + 2];
    uint16_t registers[REGISTERS];
    uint8_t coils[COILS];
    size_t at;
    if (modbus_read_registers(d->bus, 0, REGISTERS, registers) != REGISTERS) return 0;
    if (modbus_read_bits(d->bus, 0, COILS, coils) != COILS) return 0;
    for (at = 0; at < TAGS; at++) {
        writes[at].tag = d->own[at];
        convert(&registers[map[at].first], map[at].form, &writes[at]);
    }
    for (at = 0; at < 2; at++) {
        andon_tag_write *write = &writes[TAGS + at];
        write->tag.equipment = d->equipment;
        write->tag.index = at == 0 ? ANDON_TAG_STATUS : ANDON_TAG_ERROR;
        write->kind = ANDON_KIND_BOOL;
        write->value.boolean = coils[at == 0 ? COIL_RUNNING : COIL_FAULT];
    }
    must(andon_tags_update(tags, d->equipment, writes, TAGS + 2), d->code); /* One writer, known tags: a fault is the program's. */
    return 1;
}

static void *poll_device(void *argument) {
    device *d = argument;
    int is_open = 0, is_answering = 0, retry_ms = POLL_MS, wait_ms, error;
    do {
        wait_ms = POLL_MS;
        if ((is_open || modbus_connect(d->bus) == 0) && poll_once(d)) {
            if (!is_answering) answers(d, 1, "");
            is_open = is_answering = 1;
            retry_ms = POLL_MS;
            continue;
        }
        error = errno;
        if (is_answering) answers(d, 0, modbus_strerror(error));
        is_answering = 0;
        if (is_exception(error)) {
            is_open = 1;
            continue;
        }
        /* What comes late would be taken for the answer to the next request: begun anew, at growing distances. */
        modbus_close(d->bus);
        is_open = 0;
        wait_ms = retry_ms;
        retry_ms = retry_ms * 2 < RETRY_MS_MAX ? retry_ms * 2 : RETRY_MS_MAX;
    } while (rest(wait_ms));
    modbus_close(d->bus);
    return NULL;
}

int main(int count, char **arguments) {
    andon_limits limits = ANDON_LIMITS_INIT;
    andon_tags_options room = ANDON_TAGS_OPTIONS_INIT;
    pthread_condattr_t monotonic;
    andon_config *config;
    andon_server *server;
    andon_stopped stopped;
    sigset_t ends;
    int number, ended_by, used = count - 2;

    if (used < 1 || used > DEVICES_MAX) {
        fprintf(stderr, "usage: modbus_gateway IP:PORT CODE=IP:PORT[/UNIT]...   with up to %d devices\n", DEVICES_MAX);
        return 2;
    }
    /* Before there are threads: they wait for nothing but their devices, and main takes the signals. */
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&end_is_wanted, &monotonic);

    room.equipment = (size_t)used;
    room.tags_each = TAGS;
    must(andon_tags_new(&room, &tags), "the tag table");
    for (number = 0; number < used; number++) {
        device *d = &devices[number];
        if (!parse(arguments[number + 2], d) || !(d->bus = modbus_new_tcp(d->ip, d->port)) || modbus_set_slave(d->bus, d->unit) != 0) {
            fprintf(stderr, "modbus_gateway: %s is not CODE=IP:PORT[/UNIT]\n", arguments[number + 2]);
            return 2;
        }
        modbus_set_response_timeout(d->bus, 0, ANSWER_MS * 1000);
        declare(d);
    }
    andon_tags_source_lost(tags); /* Until one answers. */

    limits.connections = 500; /* libmodbus waits by select, which knows no descriptor above 1023, however many watch. */
    must(andon_config_new(&config), "a configuration");
    must(andon_config_limits(config, &limits), "the limits");
    must(andon_config_listen(config, andon_text(arguments[1])), arguments[1]);
    must(andon_config_monitor(config, andon_text("/ws/monitor"), tags, NULL, NULL), "the monitor");
    must(andon_server_start(config, &server), "the start");
    andon_config_free(config);
    printf("listening on port %d\n", (int)andon_server_port(server, 0));
    fflush(stdout);

    for (number = 0; number < used; number++)
        if (pthread_create(&devices[number].thread, NULL, poll_device, &devices[number]) != 0) return 1;
    sigwait(&ends, &ended_by);
    pthread_mutex_lock(&lock);
    wanted_end = 1;
    pthread_cond_broadcast(&end_is_wanted);
    pthread_mutex_unlock(&lock);
    for (number = 0; number < used; number++) {
        pthread_join(devices[number].thread, NULL);
        modbus_free(devices[number].bus);
    }
    must(andon_server_stop(server, 2000, &stopped), "the stop");
    andon_server_free(server);
    andon_tags_free(tags);
    pthread_cond_destroy(&end_is_wanted);
    pthread_condattr_destroy(&monotonic);
    printf("stopped\n");
    return stopped == ANDON_STOPPED_ABANDONED;
}
