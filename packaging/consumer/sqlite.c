/*
 * A program with a SQLite of its own beside the one in the library: each uses its own. Linked with packaging/localise's archive and the
 * system's libsqlite3.
 */
#include <andon.h>
#include <sqlite3.h>

#include <stdio.h>
#include <string.h>

int main(void) {
    sqlite3 *database = NULL;
    sqlite3_stmt *statement = NULL;
    /* The header's version is that of the library it came with. */
    if (strcmp(sqlite3_libversion(), SQLITE_VERSION) != 0) {
        fprintf(stderr, "consumer: the program's SQLite is %s, and it was compiled for %s\n", sqlite3_libversion(), SQLITE_VERSION);
        return 1;
    }
    if (sqlite3_open(":memory:", &database) != SQLITE_OK) return 1;
    if (sqlite3_prepare_v2(database, "SELECT sqlite_version()", -1, &statement, NULL) != SQLITE_OK) return 1;
    if (sqlite3_step(statement) != SQLITE_ROW) return 1;
    printf("consumer: SQLite %s beside andon %s\n", (const char *)sqlite3_column_text(statement, 0), andon_version_text());
    sqlite3_finalize(statement);
    sqlite3_close(database);
    return 0;
}
