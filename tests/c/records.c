/* A contract of the host's own records, hears by its tickets what became of it, and what it has recorded is read back: page by page, and in the next run. */
#include "check.h"

static char folder[64] = "/tmp/andon-records-XXXXXX", file[128];
static const andon_str samples_of = {"samples", 7};
static andon_ticket given[3], next_told;
static int drops;

/* What is said is recorded, in three ways. The sender hears what became of it. */
static void message(void *context, andon_effects *fx, andon_conn conn, andon_message_kind kind, andon_bytes data) {
    andon_str key = {(const char *)data.data, 1};
    *(andon_conn *)context = conn;
    (void)kind;
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_effects_record(NULL, samples_of, key, data, NULL));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_effects_file(NULL, samples_of, key, data, NULL));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_effects_file_at(NULL, 0, samples_of, key, data, NULL));
    STATUS(ANDON_STATUS_BAD_UTF8, andon_effects_record(fx, andon_text("\xff"), key, data, &given[0]));
    STATUS(ANDON_STATUS_BAD_UTF8, andon_effects_file(fx, samples_of, andon_text("\xff"), data, NULL));
    if (data.length > 1 && data.data[1] == '!') {
        OK(andon_effects_record(fx, samples_of, key, data, NULL)); /* Whoever asks for no ticket is told all the same. */
        return;
    }
    OK(andon_effects_file_at(fx, 1234, samples_of, key, data, &given[0]));
    OK(andon_effects_file(fx, samples_of, key, andon_bytes_of(NULL, 0), &given[1]));
    OK(andon_effects_record(fx, samples_of, key, andon_bytes_of("\0\xff", 2), &given[2]));
    CHECK(given[1] == given[0] + 1 && given[2] == given[1] + 1);
}

static void recorded(void *context, andon_effects *fx, andon_ticket ticket, andon_status outcome, andon_str why) {
    char words[256];
    CHECK(ticket == ++next_told);
    CHECK((outcome == ANDON_STATUS_OK) == (why.length == 0));
    snprintf(words, sizeof words, "%d %d %s", (int)ticket, (int)outcome, why.length ? why.data : "");
    OK(andon_effects_send(fx, *(andon_conn *)context, ANDON_MESSAGE_TEXT, andon_bytes_of(words, strlen(words))));
}

static void dropped(void *context) {
    (void)context;
    drops++;
}

/* A server with this store: the file, memory (""), or none (NULL). */
static andon_server *recording(const char *store) {
    static andon_conn asker;
    andon_config *config = config_new();
    andon_contract contract = ANDON_CONTRACT_INIT;
    andon_limits limits = ANDON_LIMITS_INIT;
    next_told = 0;
    limits.record_window_ms = 1;
    OK(andon_config_limits(config, &limits));
    contract.context = &asker;
    contract.message = message;
    contract.recorded = recorded;
    contract.drop = dropped;
    OK(andon_config_contract(config, andon_text("/r"), &contract, NULL));
    if (store && *store) OK(andon_config_store_sqlite(config, andon_text(store), NULL));
    if (store && !*store) OK(andon_config_store_memory(config, 1000));
    return start(config);
}

static andon_cursor *reading(andon_server *server, const char *key, uint64_t after, size_t page_rows) {
    andon_read_options options = ANDON_READ_OPTIONS_INIT;
    andon_cursor *cursor;
    options.after_seq = after;
    options.page_rows = page_rows;
    OK(andon_server_read_records(server, andon_text("/r"), samples_of, andon_text(key), &options, &cursor));
    return cursor;
}

static void three_are_read_back(andon_server *server) {
    andon_cursor *cursor = reading(server, "a", 0, 2), *other;
    const andon_record *records;
    uint64_t place, end;
    size_t count;
    OK(andon_cursor_position(cursor, &place));
    CHECK(place == 0);
    OK(andon_cursor_next_records(cursor, &records, &count));
    CHECK(count == 2 && text_is(records[0].stream, "samples") && text_is(records[0].key, "a"));
    CHECK(records[0].time_ms == 1234 && records[0].payload.length == 3 && memcmp(records[0].payload.data, "abc", 3) == 0);
    CHECK(records[1].time_ms > 1234 && records[1].payload.length == 0);
    OK(andon_cursor_position(cursor, &place));
    OK(andon_cursor_next_records(cursor, &records, &count));
    CHECK(count == 1 && records[0].payload.length == 2 && memcmp(records[0].payload.data, "\0\xff", 2) == 0);
    OK(andon_cursor_position(cursor, &end));
    OK(andon_cursor_next_records(cursor, &records, &count));
    CHECK(count == 0 && records == NULL && end > place);
    andon_cursor_free(cursor);
    /* Another goes on where this one was after its first page; and there is nobody else of that name. */
    other = reading(server, "a", place, 0);
    OK(andon_cursor_next_records(other, &records, &count));
    CHECK(count == 1 && records[0].payload.length == 2);
    andon_cursor_free(other);
    other = reading(server, "b", 0, 0);
    OK(andon_cursor_next_records(other, &records, &count));
    CHECK(count == 0);
    andon_cursor_free(other);
}

static void mistakes(andon_server *server, andon_server *storeless) {
    andon_read_options options = ANDON_READ_OPTIONS_INIT;
    andon_str key = andon_text("a"), wrong = andon_text("\xff"), contract = andon_text("/r");
    andon_cursor *cursor = NULL, *sessions;
    const andon_session *session;
    const andon_record *records;
    const andon_sample *sample;
    uint64_t place;
    size_t count;
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_server_read_records(NULL, contract, samples_of, key, NULL, &cursor));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_server_read_records(server, contract, samples_of, key, NULL, NULL));
    STATUS(ANDON_STATUS_BAD_UTF8, andon_server_read_records(server, wrong, samples_of, key, NULL, &cursor));
    STATUS(ANDON_STATUS_BAD_UTF8, andon_server_read_records(server, contract, wrong, key, NULL, &cursor));
    STATUS(ANDON_STATUS_BAD_UTF8, andon_server_read_records(server, contract, samples_of, wrong, NULL, &cursor));
    STATUS(ANDON_STATUS_NOT_FOUND, andon_server_read_records(storeless, contract, samples_of, key, NULL, &cursor));
    options.struct_size = 1;
    STATUS(ANDON_STATUS_BAD_STRUCT_SIZE, andon_server_read_records(server, contract, samples_of, key, &options, &cursor));
    CHECK(cursor == NULL);
    OK(andon_server_read_records(server, contract, samples_of, key, NULL, &cursor));
    OK(andon_server_read_sessions(server, NULL, &sessions));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_cursor_next_records(NULL, &records, &count));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_cursor_next_records(cursor, NULL, &count));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_cursor_next_records(cursor, &records, NULL));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_cursor_position(NULL, &place));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_cursor_position(cursor, NULL));
    STATUS(ANDON_STATUS_BAD_HANDLE, andon_cursor_position((andon_cursor *)(void *)server, &place));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_cursor_position(sessions, &place));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_cursor_next_records(sessions, &records, &count));
    CHECK(strstr(andon_last_error(), "andon_cursor_next_sessions"));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_cursor_next_sessions(cursor, &session, &count));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_cursor_next_samples(cursor, &sample, &count));
    CHECK(strstr(andon_last_error(), "andon_cursor_next_records"));
    andon_cursor_free(cursor);
    andon_cursor_free(sessions);
}

/* Says it, and hears of each of these tickets that it is committed. */
static void says(andon_server *server, const char *words, int first, int last) {
    int client = ws_open(andon_server_port(server, 0), "/r");
    char told[32];
    ws_text(client, words);
    for (; first <= last; first++) {
        snprintf(told, sizeof told, "%d 0 ", first);
        ws_until(client, told);
    }
    close(client);
}

int main(void) {
    andon_server *server, *storeless;
    andon_cursor *cursor;
    const andon_record *records;
    uint64_t end;
    size_t count;
    int client;

    begin();
    CHECK(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/recording.db", folder);

    /* Without a store it is refused, in words. */
    storeless = recording(NULL);
    client = ws_open(andon_server_port(storeless, 0), "/r");
    ws_text(client, "abc");
    ws_until(client, "3 52 the store refused: the server was started without a store");
    CHECK(ANDON_STATUS_REFUSED == 52);
    close(client);

    server = recording("");
    says(server, "abc", 1, 3);
    three_are_read_back(server);
    mistakes(server, storeless);
    andon_server_free(server);
    andon_server_free(storeless);

    server = recording(file);
    says(server, "abc", 1, 3);
    three_are_read_back(server);
    cursor = reading(server, "a", 0, 0);
    OK(andon_cursor_next_records(cursor, &records, &count));
    OK(andon_cursor_position(cursor, &end));
    CHECK(count == 3);
    says(server, "a!", 4, 4);
    OK(andon_cursor_next_records(cursor, &records, &count));
    CHECK(count == 1 && records[0].payload.length == 2 && memcmp(records[0].payload.data, "a!", 2) == 0);
    OK(andon_server_stop(server, 1000, NULL));
    STATUS(ANDON_STATUS_STOPPED, andon_cursor_next_records(cursor, &records, &count));
    andon_server_free(server);
    andon_cursor_free(cursor);

    /* The next run goes on from a place that was kept, and its tickets begin anew. */
    server = recording(file);
    says(server, "a!", 1, 1);
    cursor = reading(server, "a", end, 0);
    OK(andon_cursor_next_records(cursor, &records, &count));
    CHECK(count == 2);
    andon_cursor_free(cursor);
    andon_server_free(server);
    CHECK(drops == 4);

    snprintf(file, sizeof file, "rm -r %s", folder);
    CHECK(system(file) == 0);
    return 0;
}
