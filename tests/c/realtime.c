/*
 * What a control thread may rely on: its writes make no system call (seccomp kills it otherwise), allocate nothing (an allocation aborts), and
 * do not notice that the loop is held up in a callback.
 */
#include "check.h"
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* ---- Allocation: everything in this process goes through these. ---- */

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
void __libc_free(void *);

static __thread volatile int forbidden;
static unsigned long allocations;

static void allocates(void) {
    if (forbidden) abort();
    __atomic_fetch_add(&allocations, 1, __ATOMIC_RELAXED);
}

void *malloc(size_t size) { allocates(); return __libc_malloc(size); }
void *calloc(size_t count, size_t size) { allocates(); return __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { allocates(); return __libc_realloc(old, size); }
void *aligned_alloc(size_t alignment, size_t size) { allocates(); return __libc_memalign(alignment, size); }
void *memalign(size_t alignment, size_t size) { allocates(); return __libc_memalign(alignment, size); }
int posix_memalign(void **out, size_t alignment, size_t size) {
    allocates();
    *out = __libc_memalign(alignment, size);
    return *out ? 0 : ENOMEM;
}
void free(void *old) {
    if (forbidden) abort();
    __libc_free(old);
}

/* ---- The writes of a control thread: every function that is for one, also where it fails. ---- */

enum { ROUNDS = 20000 };

static andon_tags *tags;
static andon_equipment equipment;
static andon_tag tag[4];
static volatile int done[3];

/* No check may print here: what went wrong is told by a number. */
static int all_writes(void) {
    andon_tag_write all[5];
    andon_equipment unknown = {9, 9};
    int at, wrong = 0;
    memset(all, 0, sizeof all);
    for (at = 0; at < 4; at++) {
        all[at].tag = tag[at];
        all[at].kind = ANDON_KIND_BOOL + at;
    }
    all[3].value.text = andon_text("in one");
    all[4].tag.equipment = equipment;
    all[4].kind = ANDON_KIND_STATUS;
    all[4].value.i64 = ANDON_EQUIPMENT_RUNNING;
    for (at = 0; at < ROUNDS; at++) {
        wrong += andon_tag_set_bool(tags, tag[0], at % 2) != ANDON_STATUS_OK;
        wrong += andon_tag_set_i64(tags, tag[1], at) != ANDON_STATUS_OK;
        wrong += andon_tag_set_f64(tags, tag[2], at / 2.0) != ANDON_STATUS_OK;
        wrong += andon_tag_set_text(tags, tag[3], andon_text("\xec\x86\x8d")) != ANDON_STATUS_OK;
        wrong += andon_tag_set_i64_at(tags, at, tag[1], at) != ANDON_STATUS_OK;
        wrong += andon_tags_update(tags, equipment, all, 5) != ANDON_STATUS_OK;
        wrong += andon_tags_update_at(tags, at, equipment, all, 5) != ANDON_STATUS_OK;
        wrong += andon_tags_set_status(tags, equipment, ANDON_EQUIPMENT_BY_TAGS) != ANDON_STATUS_OK;
        wrong += andon_tags_touch(tags, equipment) != ANDON_STATUS_OK;
        wrong += andon_tags_source_lost(tags) != ANDON_STATUS_OK;
        wrong += andon_tags_source_back(tags) != ANDON_STATUS_OK;
        wrong += andon_tag_set_bool(NULL, tag[0], true) != ANDON_STATUS_NULL_ARGUMENT;
        wrong += andon_tag_set_bool(tags, tag[1], true) != ANDON_STATUS_WRONG_KIND;
        wrong += andon_tag_set_text(tags, tag[3], andon_text("\xff")) != ANDON_STATUS_BAD_UTF8;
        wrong += andon_tags_touch(tags, unknown) != ANDON_STATUS_UNKNOWN_EQUIPMENT;
        wrong += andon_status_text(ANDON_STATUS_BUSY) == NULL;
    }
    return wrong == 0;
}

static void *without_system_calls(void *argument) {
    (void)argument;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0) _exit(1);
    if (all_writes()) done[0] = 1;
    syscall(SYS_exit, 0);
    return NULL;
}

static void *without_allocations(void *argument) {
    (void)argument;
    forbidden = 1;
    if (all_writes()) done[1] = 1;
    forbidden = 0;
    return NULL;
}

static void *plainly(void *argument) {
    (void)argument;
    if (all_writes()) done[2] = 1;
    return NULL;
}

/* ---- The loop, held up. ---- */

static volatile int is_held, may_go;

static void hold(void *context, andon_effects *fx, andon_conn conn, andon_message_kind kind, andon_bytes data) {
    (void)context; (void)fx; (void)conn; (void)kind; (void)data;
    __atomic_store_n(&is_held, 1, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&may_go, __ATOMIC_SEQ_CST)) sched_yield();
}

static void run(void *(*body)(void *), int which) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(done[which] == 1);
    done[which] = 0;
}

int main(void) {
    andon_config *config = config_new();
    andon_contract contract = ANDON_CONTRACT_INIT;
    andon_monitor_options monitor = ANDON_MONITOR_OPTIONS_INIT;
    andon_limits limits = ANDON_LIMITS_INIT;
    andon_server *server;
    int watcher, holder;

    begin();
    tags = press(&equipment, tag);
    monitor.period_ms = 100;
    /* The watcher does not read while the writes run, however long a busy machine takes for them. */
    limits.ping_interval_ms = ANDON_FOREVER;
    OK(andon_config_limits(config, &limits));
    contract.message = hold;
    OK(andon_config_contract(config, andon_text("/hold"), &contract, NULL));
    OK(andon_config_monitor(config, andon_text("/m"), tags, &monitor, NULL));
    server = start(config);
    CHECK(__atomic_load_n(&allocations, __ATOMIC_RELAXED) > 0);
    watcher = ws_open(andon_server_port(server, 0), "/m");
    ws_until(watcher, "PRESS-01");

    run(without_system_calls, 0);
    run(without_allocations, 1);

    holder = ws_open(andon_server_port(server, 0), "/hold");
    ws_text(holder, "x");
    while (!__atomic_load_n(&is_held, __ATOMIC_SEQ_CST)) sched_yield();
    run(without_system_calls, 0);
    run(without_allocations, 1);
    run(plainly, 2);
    /* Each round ends with another text: this one is what was written last. */
    OK(andon_tag_set_text(tags, tag[3], andon_text("\xeb\x81\x9d")));
    __atomic_store_n(&may_go, 1, __ATOMIC_SEQ_CST);
    ws_until(watcher, "\"recipe\":\"\xeb\x81\x9d\"");

    andon_server_free(server);
    andon_tags_free(tags);
    close(watcher);
    close(holder);
    return 0;
}
