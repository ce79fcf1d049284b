/*
 * What a tag write costs, beside a plain atomic store that is timed the same way: the mean over many, then one by one. Ten broadcasts a second go on meanwhile.
 *
 *     timing [WRITES]        default 100,000,000
 *
 * Each line: name, mean of many in a row, then of those timed one by one p50, p99.9 and the maximum; nanoseconds. The clock itself is in the latter three.
 */
#include "check.h"
#include <time.h>

enum { BUCKETS = 100000 };

static andon_tags *tags;
static andon_equipment equipment;
static andon_tag tag[8];
static andon_tag_write eight[8];
static int64_t plain;
static uint32_t histogram[BUCKETS];

static void store(int64_t value) { __atomic_store_n(&plain, value, __ATOMIC_SEQ_CST); }
static void set(int64_t value) { (void)andon_tag_set_i64(tags, tag[0], value); }
static void update(int64_t value) {
    eight[0].value.i64 = value;
    (void)andon_tags_update(tags, equipment, eight, 8);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void measure(const char *name, void (*write)(int64_t), int64_t writes) {
    int64_t at, begun, longest = 0, below = 0, p50 = -1, p999 = -1;
    double mean;
    for (at = 0; at < writes / 10; at++) write(at);
    begun = now();
    for (at = 0; at < writes; at++) write(at);
    mean = (double)(now() - begun) / (double)writes;
    memset(histogram, 0, sizeof histogram);
    for (at = 0; at < writes; at++) {
        int64_t took;
        begun = now();
        write(at);
        took = now() - begun;
        if (took > longest) longest = took;
        histogram[took < BUCKETS ? took : BUCKETS - 1]++;
    }
    for (at = 0; at < BUCKETS; at++) {
        below += histogram[at];
        if (p50 < 0 && below >= writes / 2) p50 = at;
        if (p999 < 0 && below >= writes - writes / 1000) p999 = at;
    }
    printf("%-22s mean %6.1f  p50 %5lld  p99.9 %5lld  max %9lld\n", name, mean, (long long)p50, (long long)p999, (long long)longest);
    fflush(stdout);
}

static void *watch(void *argument) {
    static char data[1 << 16];
    int client = *(int *)argument;
    while (ws_read(client, data, sizeof data) == 1) {}
    return NULL;
}

int main(int count, char **arguments) {
    int64_t writes = count > 1 ? atoll(arguments[1]) : 100000000;
    andon_config *config = config_new();
    andon_monitor_options monitor = ANDON_MONITOR_OPTIONS_INIT;
    andon_equipment_options options = ANDON_EQUIPMENT_OPTIONS_INIT;
    andon_tag_options declared[8];
    andon_server *server;
    pthread_t watcher;
    char names[8][2] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    int at, client;

    CHECK(writes > 0);
    OK(andon_tags_new(NULL, &tags));
    for (at = 0; at < 8; at++) {
        declared[at].name = andon_text(names[at]);
        declared[at].kind = ANDON_KIND_I64;
    }
    options.code = andon_text("M1");
    options.name = andon_text("Machine 1");
    options.tags = declared;
    options.tags_count = 8;
    options.stale_after_ms = 1000;
    OK(andon_tags_declare(tags, &options, &equipment));
    memset(eight, 0, sizeof eight);
    for (at = 0; at < 8; at++) {
        OK(andon_equipment_tag(tags, equipment, declared[at].name, ANDON_ENCODING_UTF8, ANDON_KIND_I64, &tag[at]));
        eight[at].tag = tag[at];
        eight[at].kind = ANDON_KIND_I64;
    }
    monitor.period_ms = 100;
    OK(andon_config_monitor(config, andon_text("/m"), tags, &monitor, NULL));
    server = start(config);
    client = ws_open(andon_server_port(server, 0), "/m");
    CHECK(pthread_create(&watcher, NULL, watch, &client) == 0);

    measure("plain atomic store", store, writes);
    measure("andon_tag_set_i64", set, writes);
    measure("andon_tags_update of 8", update, writes);

    andon_server_free(server);
    pthread_join(watcher, NULL);
    andon_tags_free(tags);
    return 0;
}
