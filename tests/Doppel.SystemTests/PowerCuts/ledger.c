// A database of accounts between which money is moved, and a log of every move. `ledger MODE N` looks whether all N moves that were reported are
// there, says "verified", and goes on for ever in journal mode MODE, reporting "p 0 N" once move N is committed; "check-ledger" only looks.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ACCOUNTS = 200, START = 1000 };

static sqlite3 *s_base;

static void fail(const char *what) {
  printf("failed: %s: %s\n", what, sqlite3_errmsg(s_base));
  fflush(stdout);
  _exit(9);
}

static void run(const char *sql) {
  if (sqlite3_exec(s_base, sql, NULL, NULL, NULL) != SQLITE_OK) fail(sql);
}

// The first column of the first row.
static void ask(const char *sql, char *answer, size_t size) {
  sqlite3_stmt *statement;
  if (sqlite3_prepare_v2(s_base, sql, -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW) fail(sql);
  snprintf(answer, size, "%s", (const char *)sqlite3_column_text(statement, 0));
  sqlite3_finalize(statement);
}

static long number(const char *sql) {
  char answer[64];
  ask(sql, answer, sizeof answer);
  return atol(answer);
}

static void create(void) {
  run("BEGIN; CREATE TABLE IF NOT EXISTS account(id INTEGER PRIMARY KEY, money INTEGER, note TEXT);"
      "CREATE TABLE IF NOT EXISTS move(id INTEGER PRIMARY KEY, source INTEGER, target INTEGER, amount INTEGER);"
      "CREATE INDEX IF NOT EXISTS by_source ON move(source, target)");
  if (number("SELECT count(*) FROM account") == 0) {
    char sql[128];
    for (int i = 0; i < ACCOUNTS; i++) {
      snprintf(sql, sizeof sql, "INSERT INTO account VALUES(%d, %d, hex(randomblob(200)))", i, START);
      run(sql);
    }
  }
  run("COMMIT");
}

static void verify(long reported) {
  char answer[256];
  ask("PRAGMA integrity_check", answer, sizeof answer);
  if (strcmp(answer, "ok") != 0) fail(answer);
  if (reported == 0) return;
  if (number("SELECT coalesce(max(id), 0) FROM move") < reported) fail("a reported move is lost");
  if (number("SELECT count(*) - max(id) FROM move") != 0) fail("a move is missing");
  if (number("SELECT sum(money) FROM account") != (long)ACCOUNTS * START) fail("money is lost");
  if (number("SELECT count(*) FROM account a WHERE money != 1000 + (SELECT coalesce(sum(amount), 0) FROM move WHERE target = a.id)"
             " - (SELECT coalesce(sum(amount), 0) FROM move WHERE source = a.id)") != 0) fail("accounts and moves differ");
}

int ledger(const char *mode, long reported) {
  char sql[512];
  if (sqlite3_open("/mnt/ledger.db", &s_base) != SQLITE_OK) fail("open");
  verify(reported);
  printf("verified\n");
  fflush(stdout);
  if (strcmp(mode, "check-ledger") == 0) return 0;
  // EXTRA, because without a log written ahead a commit is the removal of a file, which the folder must remember too.
  snprintf(sql, sizeof sql, "PRAGMA journal_mode=%s; PRAGMA synchronous=EXTRA; PRAGMA wal_autocheckpoint=50; PRAGMA cache_size=50", mode);
  run(sql);
  create();
  for (long id = number("SELECT coalesce(max(id), 0) FROM move") + 1;; id++) {
    int source = rand() % ACCOUNTS, target = (source + 1 + rand() % (ACCOUNTS - 1)) % ACCOUNTS, amount = 1 + rand() % 5;
    snprintf(sql, sizeof sql,
             "BEGIN; UPDATE account SET money = money - %d, note = hex(randomblob(200)) WHERE id = %d;"
             "UPDATE account SET money = money + %d WHERE id = %d; INSERT INTO move VALUES(%ld, %d, %d, %d); COMMIT",
             amount, source, amount, target, id, source, target, amount);
    run(sql);
    printf("p 0 %ld\n", id);
    fflush(stdout);
  }
}
