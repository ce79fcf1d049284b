/*
 * A protocol of the host's own: a board on which all who are connected see what anyone writes, and a newcomer sees the last word. `time` is answered to who asks;
 * every minute all hear how many they are; GET /count tells it to others.
 *
 *     cc -Iinclude examples/custom_contract.c -Ltarget/release -landon -lpthread -o custom_contract
 *     ./custom_contract [IP:PORT]          ends with its standard input
 *
 * All callbacks run on the server's one thread: the board needs no lock.
 */
#include <andon.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    andon_topic wall;
    unsigned people;
} board;

static void must(andon_status status, const char *what) {
    if (status != ANDON_STATUS_OK) {
        fprintf(stderr, "custom_contract: %s: %s: %s\n", what, andon_status_text(status), andon_last_error());
        exit(1);
    }
}

static andon_bytes bytes(const char *text) {
    return andon_bytes_of(text, strlen(text));
}

static void start(void *context, andon_effects *fx, const andon_setup *setup) {
    board *b = context;
    andon_topic_options state = ANDON_TOPIC_OPTIONS_INIT;
    (void)setup;
    state.topic_class = ANDON_TOPIC_STATE; /* What is true now: who is slow is led to the newest. */
    must(andon_effects_declare(fx, andon_text("wall"), &state, &b->wall), "the wall");
    andon_effects_arm(fx, 60000);
}

static void opened(void *context, andon_effects *fx, andon_conn conn, const andon_request *request) {
    board *b = context;
    (void)request;
    b->people++;
    andon_effects_subscribe(fx, conn, b->wall);
}

static void closed(void *context, andon_effects *fx, andon_conn conn, andon_close_cause cause, uint16_t code) {
    (void)fx; (void)conn; (void)cause; (void)code;
    ((board *)context)->people--;
}

static void message(void *context, andon_effects *fx, andon_conn conn, andon_message_kind kind, andon_bytes data) {
    board *b = context;
    char answer[32];
    if (kind != ANDON_MESSAGE_TEXT) {
        andon_effects_close(fx, conn, 1003, andon_text("text only"));
    } else if (data.length == 4 && memcmp(data.data, "time", 4) == 0) {
        snprintf(answer, sizeof answer, "%lld", (long long)andon_effects_time_ms(fx));
        andon_effects_send(fx, conn, ANDON_MESSAGE_TEXT, bytes(answer));
    } else {
        /* Encoded once, however many read it. */
        andon_effects_publish(fx, b->wall, ANDON_MESSAGE_TEXT, data);
    }
}

static void deadline(void *context, andon_effects *fx) {
    board *b = context;
    char words[48];
    snprintf(words, sizeof words, "%u on the board", b->people);
    andon_effects_notice(fx, b->wall, ANDON_MESSAGE_TEXT, bytes(words)); /* A remark: never the last word. */
    andon_effects_arm(fx, 60000);
}

static void last_word(void *context, andon_effects *fx) {
    andon_effects_notice(fx, ((board *)context)->wall, ANDON_MESSAGE_TEXT, bytes("the board closes"));
}

static andon_response *count(void *context, andon_conn conn, const andon_request *request, andon_bytes body) {
    andon_response *answer;
    char words[32];
    (void)conn; (void)request; (void)body;
    snprintf(words, sizeof words, "{\"people\":%u}", ((board *)context)->people);
    must(andon_response_new(200, &answer), "an answer");
    must(andon_response_body(answer, andon_text("application/json"), bytes(words)), "its body");
    return answer; /* It is the library's from here on. */
}

static void say(void *context, andon_log_level level, andon_str words) {
    (void)context;
    fprintf(stderr, "[%d] %s\n", (int)level, words.data);
}

int main(int arguments_count, char **arguments) {
    static board b;
    andon_contract contract = ANDON_CONTRACT_INIT;
    andon_route route = ANDON_ROUTE_INIT;
    andon_log_options log = ANDON_LOG_OPTIONS_INIT;
    andon_config *config;
    andon_server *server;

    contract.context = &b;
    contract.start = start;
    contract.opened = opened;
    contract.message = message;
    contract.closed = closed;
    contract.deadline = deadline;
    contract.shutdown = last_word;
    route.context = &b;
    route.handle = count;
    log.write = say;

    must(andon_config_new(&config), "a configuration");
    must(andon_config_listen(config, andon_text(arguments_count > 1 ? arguments[1] : "127.0.0.1:8000")), "the address");
    must(andon_config_contract(config, andon_text("/board"), &contract, NULL), "the board");
    must(andon_config_route(config, andon_text("GET"), andon_text("/count"), &route), "the count");
    must(andon_config_log(config, &log), "the log");
    must(andon_server_start(config, &server), "the start");
    andon_config_free(config);
    printf("listening on port %d\n", (int)andon_server_port(server, 0));
    fflush(stdout);

    while (getchar() != EOF) {}
    andon_server_free(server); /* Stops it: clients hear the last word. */
    return 0;
}
