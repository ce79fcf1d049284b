/* NULL everywhere, the wrong handle, sizes of structs, and every status that is not shown elsewhere. */
#include "check.h"

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static volatile int inside;

static void blocked(void *context, andon_effects *fx, andon_conn conn, andon_message_kind kind, andon_bytes data) {
    (void)context; (void)fx; (void)conn; (void)kind; (void)data;
    __atomic_store_n(&inside, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
}

static void nulls(andon_server *server, andon_tags *tags, andon_equipment equipment) {
    andon_str none = {NULL, 1}, text = andon_text("a");
    andon_bytes no_bytes = {NULL, 1};
    andon_conn conn = {1, 1};
    andon_topic topic = {1, 1};
    andon_mount mount = {0};
    andon_config *config;
    andon_response *answer;
    andon_contract contract = ANDON_CONTRACT_INIT;
    andon_route route = ANDON_ROUTE_INIT;
    int fd;

#define NULLED(call) STATUS(ANDON_STATUS_NULL_ARGUMENT, call)
    NULLED(andon_config_new(NULL));
    NULLED(andon_config_listen(NULL, text));
    NULLED(andon_config_limits(NULL, NULL));
    NULLED(andon_config_events(NULL, 0));
    NULLED(andon_config_allow_origin(NULL, text));
    NULLED(andon_config_allow_host(NULL, text));
    NULLED(andon_config_healthz(NULL, true));
    NULLED(andon_config_stop_timeout(NULL, 1));
    NULLED(andon_config_send_buffer(NULL, 1));
    NULLED(andon_config_thread(NULL, NULL));
    NULLED(andon_config_memory_ceiling(NULL, NULL));
    NULLED(andon_config_topic(NULL, text, NULL));
    NULLED(andon_config_hub(NULL, text, NULL, NULL));
    NULLED(andon_config_monitor(NULL, text, NULL, NULL, NULL));
    NULLED(andon_config_contract(NULL, text, NULL, NULL));
    NULLED(andon_config_contract(NULL, text, &contract, NULL));
    NULLED(andon_config_route(NULL, andon_text("GET"), text, &route));
    NULLED(andon_server_start(NULL, NULL));
    NULLED(andon_server_stop(NULL, 0, NULL));
    NULLED(andon_server_mount(NULL, text, NULL));
    NULLED(andon_server_topic(NULL, text, NULL));
    NULLED(andon_server_send(NULL, conn, ANDON_MESSAGE_TEXT, words("a")));
    NULLED(andon_server_close(NULL, conn, 1000, text));
    NULLED(andon_server_publish(NULL, topic, ANDON_MESSAGE_TEXT, words("a")));
    NULLED(andon_server_publish_key(NULL, topic, text, ANDON_MESSAGE_TEXT, words("a")));
    NULLED(andon_server_forget_key(NULL, topic, text));
    NULLED(andon_server_revoke(NULL, text));
    NULLED(andon_server_command(NULL, mount, 0, words("a")));
    NULLED(andon_server_let_in(NULL, conn, text, text));
    NULLED(andon_server_refuse(NULL, conn, NULL));
    NULLED(andon_server_answer(NULL, conn, NULL));
    NULLED(andon_server_resume(NULL, conn));
    NULLED(andon_server_stats(NULL, NULL, 0));
    NULLED(andon_server_stats(server, NULL, 1));
    NULLED(andon_server_next_event(NULL, 0, NULL));
    NULLED(andon_server_next_event(server, 0, NULL));
    NULLED(andon_server_event_fd(NULL, &fd));
    NULLED(andon_server_event_fd(server, NULL));
    NULLED(andon_hub_publish(NULL, text, text, text));
    NULLED(andon_hub_forget(NULL, text, text));
    NULLED(andon_tags_new(NULL, NULL));
    NULLED(andon_tags_declare(tags, NULL, NULL));
    NULLED(andon_tags_declare(NULL, NULL, NULL));
    NULLED(andon_tags_equipment(NULL, text, 0, NULL));
    NULLED(andon_tags_equipment(tags, andon_text("PRESS-01"), 0, NULL));
    NULLED(andon_equipment_tag(NULL, equipment, text, 0, ANDON_KIND_BOOL, NULL));
    NULLED(andon_equipment_add_tag(NULL, equipment, text, 0, ANDON_KIND_BOOL, NULL));
    NULLED(andon_tags_touch(NULL, equipment));
    NULLED(andon_tags_set_status(NULL, equipment, ANDON_EQUIPMENT_IDLE));
    NULLED(andon_tags_update_at(NULL, 0, equipment, NULL, 0));
    NULLED(andon_tags_source_lost(NULL));
    NULLED(andon_tags_source_back(NULL));
    NULLED(andon_response_new(200, NULL));
    NULLED(andon_response_header(NULL, text, text));
    NULLED(andon_response_body(NULL, text, words("a")));
    NULLED(andon_response_stream(NULL, text, NULL));
    NULLED(andon_buffer_append(NULL, words("a")));
    NULLED(andon_effects_send(NULL, conn, ANDON_MESSAGE_TEXT, words("a")));
    NULLED(andon_effects_send_urgent(NULL, conn, ANDON_MESSAGE_TEXT, words("a")));
    NULLED(andon_effects_republish(NULL, topic));
    NULLED(andon_effects_subscribe_from_now(NULL, conn, topic));
    NULLED(andon_server_send_urgent(NULL, conn, ANDON_MESSAGE_TEXT, words("a")));
    NULLED(andon_effects_publish(NULL, topic, ANDON_MESSAGE_TEXT, words("a")));
    NULLED(andon_effects_publish_key(NULL, topic, text, ANDON_MESSAGE_TEXT, words("a")));
    NULLED(andon_effects_notice(NULL, topic, ANDON_MESSAGE_TEXT, words("a")));
    NULLED(andon_effects_subscribe(NULL, conn, topic));
    NULLED(andon_effects_unsubscribe(NULL, conn, topic));
    NULLED(andon_effects_close(NULL, conn, 1000, text));
    NULLED(andon_effects_event(NULL, ANDON_CLASS_NOTICE, 0, NULL, ANDON_MESSAGE_TEXT, words("a")));
    NULLED(andon_effects_arm(NULL, 1));
    NULLED(andon_effects_declare(NULL, text, NULL, NULL));
    NULLED(andon_effects_retire(NULL, topic));
    NULLED(andon_snapshot_add(NULL, ANDON_MESSAGE_TEXT, words("a")));
    NULLED(andon_setup_topic(NULL, text, NULL));
    NULLED(andon_request_param(NULL, text, NULL));
    NULLED(andon_request_query(NULL, text, NULL));
    NULLED(andon_request_header(NULL, text, NULL));
    NULLED(andon_request_cookie(NULL, text, NULL));
    CHECK(andon_request_method(NULL).length == 0 && *andon_request_path(NULL).data == 0);
    CHECK(andon_request_peer(NULL).length == 0 && andon_request_subject(NULL).length == 0);
    CHECK(andon_request_name(NULL).length == 0 && andon_request_subprotocol(NULL).length == 0);
    CHECK(andon_setup_mount(NULL).index == ANDON_MOUNT_NONE);
    CHECK(andon_effects_now(NULL) == 0 && andon_effects_time_ms(NULL) == 0);
    CHECK(andon_server_port(NULL, 0) == 0);
    andon_config_free(NULL);
    andon_server_free(NULL);
    andon_tags_free(NULL);
    andon_response_free(NULL);
    andon_event_release(NULL);

    /* Texts and bytes of some length at NULL. */
    NULLED(andon_server_topic(server, none, &topic));
    CHECK(strcmp(andon_last_error(), "the name is NULL") == 0);
    NULLED(andon_server_send(server, conn, ANDON_MESSAGE_BINARY, no_bytes));
    OK(andon_config_new(&config));
    NULLED(andon_config_listen(config, none));
    NULLED(andon_config_route(config, andon_text("GET"), text, &route));
    NULLED(andon_config_route(config, andon_text("GET"), text, NULL));
    NULLED(andon_config_topic(config, text, NULL));
    NULLED(andon_config_limits(config, NULL));
    andon_config_free(config);
    /* An answer is taken over whatever the outcome. */
    OK(andon_response_new(200, &answer));
    NULLED(andon_server_answer(NULL, conn, answer));
}

static volatile int said, dropped;

static void write_log(void *context, andon_log_level level, andon_str message) {
    CHECK(context == (void *)&said && level == ANDON_LOG_ERROR && message.data[message.length] == 0);
    CHECK(strstr(message.data, "no andon_response"));
    __atomic_fetch_add(&said, 1, __ATOMIC_SEQ_CST);
}

static void drop_log(void *context) {
    (void)context;
    __atomic_fetch_add(&dropped, 1, __ATOMIC_SEQ_CST);
}

static andon_response *no_answer(void *context, andon_conn conn, const andon_request *request, andon_bytes body) {
    (void)conn; (void)request; (void)body;
    return context;
}

/* A server's words come to its callback: here, that a route gave something else than an answer. */
static void logs(void) {
    andon_config *config = config_new(), *other;
    andon_log_options options = ANDON_LOG_OPTIONS_INIT;
    andon_route route = ANDON_ROUTE_INIT;
    andon_server *server;
    char head[1024];
    int client;
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_config_log(config, &options));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_config_log(NULL, NULL));
    options.write = write_log;
    options.context = (void *)&said;
    options.drop = drop_log;
    options.level = 9;
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_config_log(config, &options));
    options.level = ANDON_LOG_ERROR;
    OK(andon_config_log(config, &options));
    OK(andon_config_new(&other));
    route.context = other;
    route.handle = no_answer;
    OK(andon_config_route(config, andon_text("GET"), andon_text("/no"), &route));
    server = start(config);
    client = tcp(andon_server_port(server, 0));
    CHECK(ask(client, "GET", "/no", "", head, sizeof head) == 500);
    CHECK(said == 1 && dropped == 0);
    close(client);
    andon_server_free(server);
    CHECK(dropped == 1);
    andon_config_free(other);
}

int main(void) {
    andon_equipment equipment;
    andon_tag tag[4];
    andon_tags *tags = press(&equipment, tag);
    andon_config *config = config_new();
    andon_contract contract = ANDON_CONTRACT_INIT;
    andon_limits limits = ANDON_LIMITS_INIT;
    andon_monitor_options monitor = ANDON_MONITOR_OPTIONS_INIT;
    andon_thread_options thread = ANDON_THREAD_OPTIONS_INIT;
    andon_server *server, *second = NULL;
    andon_event event = ANDON_EVENT_INIT;
    andon_conn conn = {1, 1};
    andon_status status;
    uint32_t processor = 9999;
    char address[32];
    size_t ceiling, at;
    int client, fd;
    struct { andon_limits known; size_t more; } newer;

    begin();
    CHECK(*andon_last_error() == 0);
    CHECK(strcmp(andon_status_text(ANDON_STATUS_OK), "success") == 0);
    CHECK(strcmp(andon_status_text(-5), "no status of this library") == 0);
    CHECK(andon_version() == ANDON_VERSION);
    CHECK(ANDON_VERSION == ANDON_VERSION_MAJOR * 1000000 + ANDON_VERSION_MINOR * 1000 + ANDON_VERSION_PATCH);
    snprintf(address, sizeof address, "%d.%d.%d", ANDON_VERSION_MAJOR, ANDON_VERSION_MINOR, ANDON_VERSION_PATCH);
    CHECK(strcmp(andon_version_text(), address) == 0);

    /* Structs of programs that are older and newer. */
    limits.commands = 2;
    limits.struct_size = offsetof(andon_limits, event_bytes);
    limits.event_bytes = 1; /* Not seen. */
    OK(andon_config_limits(config, &limits));
    limits.struct_size = 3;
    STATUS(ANDON_STATUS_BAD_STRUCT_SIZE, andon_config_limits(config, &limits));
    CHECK(strstr(andon_last_error(), "andon_limits"));
    memset(&newer, 0, sizeof newer);
    newer.known.struct_size = sizeof newer;
    newer.known.commands = 2;
    OK(andon_config_limits(config, &newer.known));
    newer.more = 1;
    STATUS(ANDON_STATUS_BAD_STRUCT_SIZE, andon_config_limits(config, &newer.known));
    monitor.struct_size = 0;
    STATUS(ANDON_STATUS_BAD_STRUCT_SIZE, andon_config_monitor(config, andon_text("/m"), tags, &monitor, NULL));

    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_config_events(config, 1 << 20));
    STATUS(ANDON_STATUS_BAD_UTF8, andon_config_listen(config, andon_text("\xc3(")));
    STATUS(ANDON_STATUS_BAD_HANDLE, andon_config_healthz((andon_config *)(void *)tags, true));
    CHECK(strstr(andon_last_error(), "no andon_config"));
    contract.message = blocked;
    OK(andon_config_contract(config, andon_text("/blocked"), &contract, NULL));
    OK(andon_config_events(config, ANDON_EVENTS_HEALTH));
    server = start(config);
    nulls(server, tags, equipment);
    STATUS(ANDON_STATUS_NOT_FOUND, andon_hub_publish(server, andon_text("a"), andon_text(""), andon_text("1")));
    event.struct_size = 8;
    STATUS(ANDON_STATUS_BAD_STRUCT_SIZE, andon_server_next_event(server, 0, &event));

    /* A full queue, while the loop is held up. */
    pthread_mutex_lock(&gate);
    client = ws_open(andon_server_port(server, 0), "/blocked");
    ws_text(client, "x");
    while (!__atomic_load_n(&inside, __ATOMIC_SEQ_CST)) sched_yield();
    for (at = 0, status = ANDON_STATUS_OK; at < 3 && status == ANDON_STATUS_OK; at++)
        status = andon_server_send(server, conn, ANDON_MESSAGE_TEXT, words("a"));
    STATUS(ANDON_STATUS_FULL, status);
    pthread_mutex_unlock(&gate);

    /* What the machine, or the settings, do not allow. */
    config = config_new();
    snprintf(address, sizeof address, "127.0.0.1:%d", andon_server_port(server, 0));
    OK(andon_config_listen(config, andon_text(address)));
    STATUS(ANDON_STATUS_CANNOT_LISTEN, andon_server_start(config, &second));
    CHECK(strstr(andon_last_error(), address) && second == NULL);
    STATUS(ANDON_STATUS_SPENT, andon_server_start(config, &second));
    andon_config_free(config);
    OK(andon_config_new(&config));
    STATUS(ANDON_STATUS_BAD_CONFIG, andon_config_memory_ceiling(config, &ceiling));
    CHECK(strstr(andon_last_error(), "no address"));
    andon_config_free(config);
    config = config_new();
    thread.processors = &processor;
    thread.processors_count = 1;
    thread.policy = 77;
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_config_thread(config, &thread));
    thread.policy = ANDON_POLICY_FIFO;
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_config_thread(config, &thread));
    thread.policy = ANDON_POLICY_ORDINARY;
    thread.name = andon_text("scan");
    OK(andon_config_thread(config, &thread));
    STATUS(ANDON_STATUS_SYSTEM, andon_server_start(config, &second));
    CHECK(strstr(andon_last_error(), "9999"));
    andon_config_free(config);
    second = start(config_new());
    STATUS(ANDON_STATUS_EVENTS_OFF, andon_server_next_event(second, 0, &event));
    STATUS(ANDON_STATUS_EVENTS_OFF, andon_server_event_fd(second, &fd));
    andon_server_free(second);
    logs();

    andon_server_free(server);
    andon_tags_free(tags);
    close(client);
    return 0;
}
