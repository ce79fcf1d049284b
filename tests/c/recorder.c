/* The recorder: a file that is opened or not, what goes into it, how it is read back and exported, and that it goes down and comes back. */
#include "check.h"

#include <sys/stat.h>

static char folder[64] = "/tmp/andon-recorder-XXXXXX", file[128];

/* Changes a number in the header of a closed file. */
static void patch(long at, int32_t number) {
    FILE *open = fopen(file, "r+b");
    unsigned char bytes[4];
    int i;
    for (i = 0; i < 4; i++) bytes[i] = (unsigned char)((uint32_t)number >> (24 - 8 * i));
    CHECK(open && fseek(open, at, SEEK_SET) == 0 && fwrite(bytes, 4, 1, open) == 1 && fclose(open) == 0);
}

static void opening(void) {
    andon_config *config = config_new(), *second = config_new();
    andon_sqlite_options options = ANDON_SQLITE_OPTIONS_INIT;
    char other[160];
    FILE *text;
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_config_store_sqlite(NULL, andon_text(file), NULL));
    STATUS(ANDON_STATUS_NULL_ARGUMENT, andon_config_store_memory(NULL, 1));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_config_store_memory(config, 0));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_config_store_sqlite(config, andon_text(""), NULL));
    options.struct_size = 4;
    STATUS(ANDON_STATUS_BAD_STRUCT_SIZE, andon_config_store_sqlite(config, andon_text(file), &options));
    options.struct_size = sizeof options;
    options.durability = 2;
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_config_store_sqlite(config, andon_text(file), &options));
    snprintf(other, sizeof other, "%s/none/file.db", folder);
    STATUS(ANDON_STATUS_STORE_NO_DIRECTORY, andon_config_store_sqlite(config, andon_text(other), NULL));
    CHECK(strstr(andon_last_error(), other));
    STATUS(ANDON_STATUS_STORE_NOT_A_FILE, andon_config_store_sqlite(config, andon_text(folder), NULL));
    CHECK(strstr(andon_last_error(), folder));
    snprintf(other, sizeof other, "%s/letter.txt", folder);
    text = fopen(other, "w");
    CHECK(text && fprintf(text, "%4000s\n", "no database") > 0 && fclose(text) == 0);
    STATUS(ANDON_STATUS_STORE_NOT_A_DATABASE, andon_config_store_sqlite(config, andon_text(other), NULL));
    CHECK(strstr(andon_last_error(), other));
    OK(andon_config_store_sqlite(config, andon_text(file), NULL));
    STATUS(ANDON_STATUS_STORE_IN_USE, andon_config_store_sqlite(second, andon_text(file), NULL));
    CHECK(strstr(andon_last_error(), file));
    andon_config_free(config);
    /* Whose file it is, and the version of its tables. */
    patch(68, 7);
    STATUS(ANDON_STATUS_STORE_NOT_A_RECORDING, andon_config_store_sqlite(second, andon_text(file), NULL));
    CHECK(unlink(file) == 0);
    config = config_new();
    OK(andon_config_store_sqlite(config, andon_text(file), NULL));
    andon_config_free(config);
    patch(60, 9999);
    STATUS(ANDON_STATUS_STORE_NEWER, andon_config_store_sqlite(second, andon_text(file), NULL));
    CHECK(strstr(andon_last_error(), "9999") && unlink(file) == 0);
    andon_config_free(second);
}

static bool collect(void *context, andon_bytes lines) {
    char *text = context;
    size_t length = strlen(text);
    CHECK(length + lines.length < 4000);
    memcpy(text + length, lines.data, lines.length);
    text[length + lines.length] = 0;
    return true;
}

static bool first_only(void *context, andon_bytes lines) {
    (void)lines;
    return --*(int *)context >= 0;
}

static void mistakes(andon_server *server, andon_server *storeless) {
    andon_read_options options = ANDON_READ_OPTIONS_INIT;
    andon_str id = andon_text("session_1");
    andon_cursor *cursor = NULL;
    const andon_session *sessions;
    const andon_sample *samples;
    size_t count;
    uint64_t last;
#define NULLED(call) STATUS(ANDON_STATUS_NULL_ARGUMENT, call)
    NULLED(andon_server_read_sessions(NULL, NULL, &cursor));
    NULLED(andon_server_read_sessions(server, NULL, NULL));
    NULLED(andon_server_read_samples(NULL, id, NULL, &cursor));
    NULLED(andon_cursor_next_sessions(NULL, &sessions, &count));
    NULLED(andon_cursor_next_samples(NULL, &samples, &count));
    NULLED(andon_server_export(NULL, id, ANDON_EXPORT_CSV, 0, collect, NULL, &last));
    NULLED(andon_server_export(server, id, ANDON_EXPORT_CSV, 0, NULL, NULL, &last));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_server_export(server, id, 9, 0, collect, NULL, &last));
    STATUS(ANDON_STATUS_NOT_FOUND, andon_server_read_sessions(storeless, NULL, &cursor));
    CHECK(strstr(andon_last_error(), "andon_config_store_sqlite"));
    options.status = 99;
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_server_read_sessions(server, &options, &cursor));
    options.struct_size = 1;
    STATUS(ANDON_STATUS_BAD_STRUCT_SIZE, andon_server_read_sessions(server, &options, &cursor));
    OK(andon_server_read_sessions(server, NULL, &cursor));
    NULLED(andon_cursor_next_sessions(cursor, NULL, &count));
    NULLED(andon_cursor_next_sessions(cursor, &sessions, NULL));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_cursor_next_samples(cursor, &samples, &count));
    STATUS(ANDON_STATUS_BAD_HANDLE, andon_cursor_next_samples((andon_cursor *)(void *)server, &samples, &count));
    andon_cursor_free(cursor);
    OK(andon_server_read_samples(server, id, NULL, &cursor));
    STATUS(ANDON_STATUS_BAD_ARGUMENT, andon_cursor_next_sessions(cursor, &sessions, &count));
    OK(andon_cursor_next_samples(cursor, &samples, &count));
    CHECK(samples == NULL && count == 0);
    andon_cursor_free(cursor);
    andon_cursor_free(NULL);
}

/* A session of so many samples, whose end is acknowledged: all of it is in the file. */
static void session(int client, const char *device, int samples) {
    char text[128];
    snprintf(text, sizeof text, "{\"type\":\"session_start\",\"deviceId\":\"%s\",\"timestamp\":1}", device);
    ws_text(client, text);
    ws_until(client, "session_created");
    while (samples-- > 0) ws_text(client, "{\"type\":\"data\",\"v\":1.50}");
    snprintf(text, sizeof text, "{\"type\":\"session_end\",\"deviceId\":\"%s\",\"timestamp\":2}", device);
    ws_text(client, text);
    ws_until(client, "session_ended");
}

int main(void) {
    andon_config *config = config_new();
    andon_sqlite_options options = ANDON_SQLITE_OPTIONS_INIT;
    andon_read_options read = ANDON_READ_OPTIONS_INIT;
    andon_limits limits = ANDON_LIMITS_INIT;
    andon_event event = ANDON_EVENT_INIT;
    andon_server *server, *storeless;
    andon_cursor *cursor, *newest;
    const andon_session *sessions;
    const andon_sample *samples;
    char id[64], text[4096] = "", moved[160];
    int client, calls = 1, seen = 0;
    uint64_t last = 9;
    size_t count;

    begin();
    CHECK(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/recording.db", folder);
    opening();
    options.durability = ANDON_DURABILITY_PROCESS_END;
    options.busy_wait_ms = 500;
    options.keep_for_s = 3600;
    options.keep_bytes = 1 << 30;
    OK(andon_config_store_sqlite(config, andon_text(file), &options));
    limits.record_window_ms = 1;
    OK(andon_config_limits(config, &limits));
    OK(andon_config_devices(config, andon_text("/d"), NULL, NULL));
    OK(andon_config_events(config, ANDON_EVENTS_HEALTH));
    server = start(config);
    config = config_new();
    OK(andon_server_start(config, &storeless));
    STATUS(ANDON_STATUS_SPENT, andon_config_store_sqlite(config, andon_text(file), NULL));
    andon_config_free(config);
    mistakes(server, storeless);
    andon_server_free(storeless);

    client = ws_open(andon_server_port(server, 0), "/d");
    session(client, "A", 300);
    session(client, "B", 2);
    read.device = andon_text("A");
    read.status = ANDON_SESSION_COMPLETED;
    read.timeout_ms = 60000;
    OK(andon_server_read_sessions(server, &read, &cursor));
    OK(andon_cursor_next_sessions(cursor, &sessions, &count));
    CHECK(count == 1 && text_is(sessions[0].device, "A") && sessions[0].status == ANDON_SESSION_COMPLETED);
    CHECK(sessions[0].sample_count == 300 && text_is(sessions[0].client_started_at, "1") && text_is(sessions[0].client_ended_at, "2"));
    strcpy(id, sessions[0].id.data);
    OK(andon_cursor_next_sessions(cursor, &sessions, &count));
    CHECK(count == 0);
    andon_cursor_free(cursor);
    /* A page of one, newest first. */
    memset(&read, 0, sizeof read);
    read.struct_size = sizeof read;
    read.page_rows = 1;
    OK(andon_server_read_sessions(server, &read, &newest));
    do {
        OK(andon_cursor_next_sessions(newest, &sessions, &count));
        CHECK(count <= 1);
        seen += (int)count;
    } while (count > 0);
    CHECK(seen == 2);
    andon_cursor_free(newest);

    read.after_seq = 10;
    OK(andon_server_read_samples(server, andon_text(id), &read, &cursor));
    OK(andon_cursor_next_samples(cursor, &samples, &count));
    CHECK(count == 256 && samples[0].seq == 11 && text_is(samples[0].payload, "{\"type\":\"data\",\"v\":1.50}"));
    CHECK(text_is(samples[255].session, id) && text_is(samples[255].device, "A"));
    OK(andon_cursor_next_samples(cursor, &samples, &count));
    CHECK(count == 34 && samples[33].seq == 300);
    OK(andon_cursor_next_samples(cursor, &samples, &count));
    CHECK(count == 0);

    OK(andon_server_export(server, andon_text(id), ANDON_EXPORT_JSON_LINES, 298, collect, text, &last));
    CHECK(last == 300 && strncmp(text, "{\"seq\":299,", 11) == 0 && strstr(text, "\n{\"seq\":300,") && strstr(text, "1.50"));
    text[0] = 0;
    OK(andon_server_export(server, andon_text(id), ANDON_EXPORT_CSV, 299, collect, text, NULL));
    CHECK(strncmp(text, "300,", 4) == 0);
    STATUS(ANDON_STATUS_CANCELLED, andon_server_export(server, andon_text(id), ANDON_EXPORT_JSON_LINES, 0, first_only, &calls, &last));
    CHECK(last == 1);

    /* The file is moved away: the store is down, says so, and begins anew. */
    snprintf(moved, sizeof moved, "%s.moved", file);
    CHECK(rename(file, moved) == 0);
    session(client, "C", 1);
    OK(andon_server_next_event(server, ANDON_FOREVER, &event));
    CHECK(event.kind == ANDON_EVENT_STORE && !event.data.store.up && strstr(event.data.store.why.data, file));
    andon_event_release(&event);
    OK(andon_server_next_event(server, ANDON_FOREVER, &event));
    CHECK(event.kind == ANDON_EVENT_STORE && event.data.store.up);
    andon_event_release(&event);

    OK(andon_server_stop(server, 100, NULL));
    STATUS(ANDON_STATUS_STOPPED, andon_cursor_next_samples(cursor, &samples, &count));
    andon_server_free(server);
    STATUS(ANDON_STATUS_STOPPED, andon_cursor_next_samples(cursor, &samples, &count));
    andon_cursor_free(cursor);
    close(client);
    snprintf(text, sizeof text, "rm -r %s", folder);
    CHECK(system(text) == 0);
    return 0;
}
