/*
 * usage: sqlite FOLDER
 *
 * A program with a SQLite of its own beside the one in the library: both write at the same time, each its own file, and each by its own code. Linked with
 * packaging/localise's archive and the system's libsqlite3.
 */
#include <andon.h>
#include <sqlite3.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECORDS = 1000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int committed;

static void need(int is_so, const char *what) {
    if (!is_so) {
        fprintf(stderr, "sqlite: %s: %s\n", what, andon_last_error());
        exit(1);
    }
}

static void start(void *context, andon_effects *fx, const andon_setup *setup) {
    int number;
    (void)context; (void)setup;
    for (number = 0; number < RECORDS; number++)
        need(andon_effects_record(fx, andon_text("s"), andon_text("k"), andon_bytes_of("andon", 5), NULL) == ANDON_STATUS_OK, "a record");
}

static void message(void *context, andon_effects *fx, andon_conn conn, andon_message_kind kind, andon_bytes data) {
    (void)context; (void)fx; (void)conn; (void)kind; (void)data;
}

static void recorded(void *context, andon_effects *fx, andon_ticket ticket, andon_status outcome, andon_str why) {
    (void)context; (void)fx; (void)ticket; (void)why;
    need(outcome == ANDON_STATUS_OK, "a commit");
    pthread_mutex_lock(&lock);
    committed++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* The number that this SQL gives, by the program's own SQLite. */
static long long asked(sqlite3 *database, const char *sql) {
    sqlite3_stmt *statement = NULL;
    long long number;
    need(sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW, sqlite3_errmsg(database));
    number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

/* The version of the SQLite that wrote a file last, as its header says. */
static int written_by(const char *file) {
    unsigned char head[100];
    FILE *opened = fopen(file, "rb");
    need(opened && fread(head, sizeof head, 1, opened) == 1 && fclose(opened) == 0, file);
    return head[96] << 24 | head[97] << 16 | head[98] << 8 | head[99];
}

int main(int count, char **arguments) {
    andon_contract contract = ANDON_CONTRACT_INIT;
    sqlite3 *database = NULL;
    andon_config *config;
    andon_server *server;
    char own[512], theirs[512];
    int number;

    need(count == 2, "one argument, a folder");
    snprintf(own, sizeof own, "%s/own.db", arguments[1]);
    snprintf(theirs, sizeof theirs, "%s/andon.db", arguments[1]);
    /* The header's version is that of the library it came with. */
    need(sqlite3_libversion_number() == SQLITE_VERSION_NUMBER, "the program's SQLite is not the one that it was compiled for");

    contract.start = start;
    contract.message = message;
    contract.recorded = recorded;
    need(andon_config_new(&config) == ANDON_STATUS_OK, "a configuration");
    need(andon_config_listen(config, andon_text("127.0.0.1:0")) == ANDON_STATUS_OK, "an address");
    need(andon_config_contract(config, andon_text("/c"), &contract, NULL) == ANDON_STATUS_OK, "a contract");
    need(andon_config_store_sqlite(config, andon_text(theirs), NULL) == ANDON_STATUS_OK, "a store");
    need(andon_server_start(config, &server) == ANDON_STATUS_OK, "a server");
    andon_config_free(config);

    need(sqlite3_open(own, &database) == SQLITE_OK, own);
    need(sqlite3_exec(database, "CREATE TABLE t (n)", NULL, NULL, NULL) == SQLITE_OK, sqlite3_errmsg(database));
    for (number = 0; number < 100; number++)
        need(sqlite3_exec(database, "INSERT INTO t VALUES (1)", NULL, NULL, NULL) == SQLITE_OK, sqlite3_errmsg(database));
    need(asked(database, "SELECT count(*) FROM t") == 100, "the program's own rows");
    sqlite3_close(database);

    pthread_mutex_lock(&lock);
    while (committed < RECORDS) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    andon_server_free(server);

    /* Only now: a file that two copies of SQLite in one process have open loses its locks. */
    need(sqlite3_open_v2(theirs, &database, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK, theirs);
    need(asked(database, "SELECT count(*) FROM records WHERE CAST(payload AS TEXT) = 'andon'") == RECORDS, "what was recorded");
    sqlite3_close(database);

    need(written_by(own) == SQLITE_VERSION_NUMBER, "the program's file is another's");
    if (written_by(theirs) == SQLITE_VERSION_NUMBER) puts("sqlite: both are of one version: whose code wrote which file is not told apart");
    printf("sqlite: %s by the program, %d by andon %s\n", sqlite3_libversion(), written_by(theirs), andon_version_text());
    return 0;
}
