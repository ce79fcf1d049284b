/* A contract of the host's own, with every callback; routes that answer now, later and as a stream; clients that wait for the host. */
#include "check.h"

typedef struct {
    int opened, closed, dropped, shut_down;
    andon_topic wall;
    uint64_t started;
} board;

static void start_it(void *context, andon_effects *fx, const andon_setup *setup) {
    board *b = context;
    andon_topic_options options = ANDON_TOPIC_OPTIONS_INIT;
    andon_topic gone;
    (void)setup;
    options.topic_class = ANDON_TOPIC_STATE;
    options.snapshot = ANDON_SNAPSHOT_CONTRACT;
    OK(andon_effects_declare(fx, andon_text("wall"), &options, &b->wall));
    OK(andon_effects_declare(fx, andon_text("gone"), &options, &gone));
    OK(andon_effects_retire(fx, gone));
    options.log_bytes = 1;
    STATUS(ANDON_STATUS_BAD_TOPIC, andon_effects_declare(fx, andon_text("tiny"), &options, &gone));
    CHECK(strstr(andon_last_error(), "tiny"));
    b->started = andon_effects_now(fx);
    CHECK(andon_effects_time_ms(fx) > 1600000000000);
}

static andon_response *admit(void *context, andon_effects *fx, andon_conn conn, const andon_request *request) {
    andon_response *no;
    andon_str value;
    (void)context; (void)fx; (void)conn;
    CHECK(text_is(andon_request_method(request), "GET"));
    if (andon_request_query(request, andon_text("bad"), &value) == ANDON_STATUS_OK) {
        CHECK(text_is(value, "a b"));
        OK(andon_response_new(418, &no));
        OK(andon_response_body(no, andon_text("text/plain"), words("no")));
        return no;
    }
    return NULL;
}

static void opened(void *context, andon_effects *fx, andon_conn conn, const andon_request *request) {
    board *b = context;
    andon_str code;
    b->opened++;
    OK(andon_request_param(request, andon_text("code"), &code));
    CHECK(text_is(code, "A1"));
    STATUS(ANDON_STATUS_NOT_FOUND, andon_request_param(request, andon_text("cody"), &code));
    OK(andon_effects_subscribe(fx, conn, b->wall));
}

static void message(void *context, andon_effects *fx, andon_conn conn, andon_message_kind kind, andon_bytes data) {
    board *b = context;
    if (kind == ANDON_MESSAGE_BINARY) {
        OK(andon_effects_send(fx, conn, kind, data));
    } else if (data.length == 3 && memcmp(data.data, "bye", 3) == 0) {
        OK(andon_effects_unsubscribe(fx, conn, b->wall));
        STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_effects_close(fx, conn, 1005, andon_text("")));
        OK(andon_effects_close(fx, conn, 4001, andon_text("so long")));
    } else if (data.length == 5 && memcmp(data.data, "again", 5) == 0) {
        OK(andon_effects_send_urgent(fx, conn, ANDON_MESSAGE_TEXT, words("at once")));
        OK(andon_effects_unsubscribe(fx, conn, b->wall));
        OK(andon_effects_subscribe_from_now(fx, conn, b->wall));
        OK(andon_effects_republish(fx, b->wall));
    } else if (data.length == 4 && memcmp(data.data, "soon", 4) == 0) {
        OK(andon_effects_arm(fx, 5));
    } else {
        OK(andon_effects_event(fx, ANDON_CLASS_LOSSLESS, 0, &conn, ANDON_MESSAGE_TEXT, data));
        OK(andon_effects_notice(fx, b->wall, ANDON_MESSAGE_TEXT, words("heard")));
        OK(andon_effects_publish(fx, b->wall, ANDON_MESSAGE_TEXT, data));
        STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_effects_event(fx, 9, 0, NULL, ANDON_MESSAGE_TEXT, data));
    }
}

static void closed(void *context, andon_effects *fx, andon_conn conn, andon_close_cause cause, uint16_t code) {
    (void)fx; (void)conn; (void)code;
    CHECK(cause == ANDON_CLOSED_CONTRACT || cause == ANDON_CLOSED_SHUTDOWN || cause == ANDON_CLOSED_LOST ||
          cause == ANDON_CLOSED_HOST);
    ((board *)context)->closed++;
}

static void command(void *context, andon_effects *fx, uint64_t code, andon_bytes data) {
    CHECK(code == 0xabcdef0123456789u);
    OK(andon_effects_publish(fx, ((board *)context)->wall, ANDON_MESSAGE_TEXT, data));
}

static void deadline(void *context, andon_effects *fx) {
    board *b = context;
    CHECK(andon_effects_now(fx) > b->started);
    OK(andon_effects_publish(fx, b->wall, ANDON_MESSAGE_TEXT, words("time")));
    OK(andon_effects_arm(fx, ANDON_FOREVER));
}

static void snapshot(void *context, andon_snapshot *out, andon_topic topic, bool newcomer) {
    (void)context; (void)topic; (void)newcomer;
    OK(andon_snapshot_add(out, ANDON_MESSAGE_TEXT, words("as it stands")));
}

static void gap(void *context, andon_snapshot *out, andon_topic topic, uint64_t first, uint64_t end) {
    (void)context; (void)topic;
    CHECK(first < end);
    OK(andon_snapshot_add(out, ANDON_MESSAGE_TEXT, words("a gap")));
}

static void shutdown_it(void *context, andon_effects *fx) {
    board *b = context;
    b->shut_down++;
    OK(andon_effects_publish(fx, b->wall, ANDON_MESSAGE_TEXT, words("last word")));
}

static void drop(void *context) {
    ((board *)context)->dropped++;
}

typedef struct {
    int pulls, dropped;
    andon_conn later;
    pthread_mutex_t lock;
    int has_later;
} site;

static andon_pulled pull(void *context, size_t room, andon_buffer *out) {
    site *s = context;
    CHECK(room > 0);
    OK(andon_buffer_append(out, words("part ")));
    return ++s->pulls < 3 ? ANDON_PULLED_MORE : ANDON_PULLED_END;
}

static void drop_stream(void *context) {
    ((site *)context)->dropped++;
}

static andon_response *handle(void *context, andon_conn conn, const andon_request *request, andon_bytes body) {
    site *s = context;
    andon_response *answer;
    andon_stream stream = ANDON_STREAM_INIT;
    andon_str what;
    OK(andon_request_param(request, andon_text("what"), &what));
    CHECK(strncmp(andon_request_path(request).data, "/api/", 5) == 0);
    CHECK(strncmp(andon_request_peer(request).data, "127.0.0.1:", 10) == 0);
    CHECK(andon_request_subject(request).length == 0 && andon_request_subprotocol(request).length == 0);
    if (text_is(what, "later")) {
        pthread_mutex_lock(&s->lock);
        s->later = conn;
        s->has_later = 1;
        pthread_mutex_unlock(&s->lock);
        return NULL;
    }
    OK(andon_response_new(200, &answer));
    if (text_is(what, "stream")) {
        stream.context = s;
        stream.drop = drop_stream;
        STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_response_stream(answer, andon_text("text/plain"), &stream));
        stream.pull = pull;
        OK(andon_response_stream(answer, andon_text("text/plain"), &stream));
        return answer;
    }
    OK(andon_request_header(request, andon_text("X-ASK"), &what));
    OK(andon_request_cookie(request, andon_text("id"), &what));
    CHECK(text_is(what, "7"));
    OK(andon_response_header(answer, andon_text("X-Answer"), what));
    STATUS(ANDON_STATUS_BAD_HEADER, andon_response_header(answer, andon_text("Date"), andon_text("x")));
    STATUS(ANDON_STATUS_BAD_HEADER, andon_response_header(answer, andon_text("A"), andon_text("b\r\nc")));
    OK(andon_response_body(answer, andon_text("text/plain"), body));
    return answer;
}

int main(void) {
    static board b;
    static site s;
    andon_config *config = config_new();
    andon_contract contract = ANDON_CONTRACT_INIT;
    andon_mount_options asks = ANDON_MOUNT_OPTIONS_INIT;
    andon_route route = ANDON_ROUTE_INIT;
    andon_event event = ANDON_EVENT_INIT;
    andon_response *answer;
    andon_server *server;
    andon_stopped stopped;
    andon_mount mount;
    andon_str protocol = andon_text("talk"), lang;
    char head[4096], data[4096];
    uint16_t port;
    int client, guest;

    begin();
    pthread_mutex_init(&s.lock, NULL);
    contract.context = &b;
    contract.start = start_it;
    contract.admit = admit;
    contract.opened = opened;
    contract.message = message;
    contract.closed = closed;
    contract.command = command;
    contract.deadline = deadline;
    contract.snapshot = snapshot;
    contract.gap = gap;
    contract.shutdown = shutdown_it;
    contract.drop = drop;
    OK(andon_config_contract(config, andon_text("/cells/{code}"), &contract, NULL));
    asks.asks = true;
    asks.subprotocols = &protocol;
    asks.subprotocols_count = 1;
    contract.context = NULL;
    contract.start = NULL;
    contract.admit = NULL;
    contract.opened = NULL;
    contract.closed = NULL;
    contract.shutdown = NULL;
    contract.drop = NULL;
    OK(andon_config_contract(config, andon_text("/asked"), &contract, &asks));
    route.context = &s;
    route.handle = handle;
    OK(andon_config_route(config, andon_text("POST"), andon_text("/api/{what}"), &route));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_config_route(config, andon_text("post"), andon_text("/a"), &route));
    OK(andon_config_events(config, ANDON_EVENTS_ASKS | ANDON_EVENTS_CONTRACTS));
    server = start(config);
    port = andon_server_port(server, 0);

    CHECK(ws_open(port, "/cells/A1?bad=a+b") == -418);
    client = ws_open(port, "/cells/A1");
    ws_until(client, "as it stands");
    ws_text(client, "hello");
    ws_until(client, "heard");
    ws_until(client, "hello");
    OK(andon_server_next_event(server, ANDON_FOREVER, &event));
    CHECK(event.kind == ANDON_EVENT_CONTRACT && event.data.contract.has_conn);
    CHECK(event.data.contract.event_class == ANDON_CLASS_LOSSLESS);
    CHECK(event.data.contract.body.length == 5 && memcmp(event.data.contract.body.data, "hello", 5) == 0);
    OK(andon_server_send(server, event.data.contract.conn, ANDON_MESSAGE_TEXT, words("for you")));
    ws_until(client, "for you");
    ws_send(client, 2, "\0\1", 2);
    CHECK(ws_read(client, data, sizeof data) == 2 && memcmp(data, "\0\1", 2) == 0);
    OK(andon_server_mount(server, andon_text("/cells/{code}"), &mount));
    OK(andon_server_command(server, mount, 0xabcdef0123456789u, words("by command")));
    ws_until(client, "by command");
    ws_text(client, "soon");
    ws_until(client, "time");
    ws_text(client, "again");
    ws_until(client, "at once");
    ws_until(client, "as it stands");
    OK(andon_server_send_urgent(server, event.data.contract.conn, ANDON_MESSAGE_TEXT, words("first")));
    ws_until(client, "first");
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_server_close(server, event.data.contract.conn, 1006, andon_text("")));
    guest = ws_open(port, "/cells/A1");
    ws_text(guest, "bye");
    ws_until(guest, "as it stands");
    CHECK(ws_read(guest, data, sizeof data) == 8);
    CHECK((unsigned char)data[0] == 4001 / 256 && (unsigned char)data[1] == 4001 % 256 && !strcmp(data + 2, "so long"));
    close(guest);
    andon_event_release(&event);

    /* Routes. */
    guest = tcp(port);
    CHECK(ask(guest, "POST", "/api/now", "X-Ask: 1\r\nCookie: id=7\r\nContent-Length: 0\r\n", head, sizeof head) == 200);
    CHECK(strstr(head, "X-Answer: 7"));
    CHECK(ask(guest, "POST", "/api/stream", "Content-Length: 0\r\n", head, sizeof head) == 200);
    CHECK(strstr(head, "chunked"));
    close(guest);
    guest = tcp(port);
    snprintf(data, sizeof data, "POST /api/later HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    write_all(guest, data, strlen(data));
    for (;;) {
        int has;
        pthread_mutex_lock(&s.lock);
        has = s.has_later;
        pthread_mutex_unlock(&s.lock);
        if (has) break;
        sched_yield();
    }
    OK(andon_response_new(202, &answer));
    OK(andon_server_answer(server, s.later, answer));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_server_answer(server, s.later, NULL));
    OK(andon_server_resume(server, s.later));
    CHECK(read_all(guest, data, 12) && memcmp(data, "HTTP/1.1 202", 12) == 0);
    close(guest);
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_response_new(100, &answer));

    /* Those who wait for the host. */
    guest = tcp(port);
    snprintf(data, sizeof data,
             "GET /asked?lang=ko HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    write_all(guest, data, strlen(data));
    OK(andon_server_next_event(server, ANDON_FOREVER, &event));
    CHECK(event.kind == ANDON_EVENT_ASKED);
    OK(andon_request_query(event.data.asked.request, andon_text("lang"), &lang));
    CHECK(text_is(lang, "ko"));
    OK(andon_response_new(403, &answer));
    OK(andon_server_refuse(server, event.data.asked.conn, answer));
    CHECK(read_all(guest, head, 12) && memcmp(head, "HTTP/1.1 403", 12) == 0);
    andon_event_release(&event);
    close(guest);
    guest = tcp(port);
    write_all(guest, data, strlen(data));
    OK(andon_server_next_event(server, ANDON_FOREVER, &event));
    OK(andon_server_let_in(server, event.data.asked.conn, andon_text("u7"), andon_text("Anna")));
    CHECK(read_all(guest, head, 12) && memcmp(head, "HTTP/1.1 101", 12) == 0);
    andon_event_release(&event);
    OK(andon_server_revoke(server, andon_text("u7")));
    while (read_all(guest, head, 1)) {}
    close(guest);

    OK(andon_server_stop(server, 200, &stopped));
    ws_until(client, "last word");
    CHECK(b.opened == 2 && b.closed == 2 && b.shut_down == 1 && b.dropped == 1);
    STATUS(ANDON_STATUS_STOPPED, andon_server_command(server, mount, 0, words("")));
    andon_server_free(server);
    CHECK(b.dropped == 1 && s.dropped == 1);
    close(client);
    return 0;
}
