import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { HiveSQL, TrinoSQL } from "dt-sql-parser";

let bad = 0;
const check = (dialect, sql, where) => {
  const errors = dialect.validate(sql);
  for (const e of where ? errors : []) console.log(`${where}: line ${e.startLine}: ${e.message}`);
  return errors.length;
};

// A parser that finds no fault anywhere proves nothing.
if (!check(new HiveSQL(), "CREATE EXTERNAL TABLE t (a string) ROW FORMAT LOCATION", "") ||
    !check(new TrinoSQL(), "SELECT FROM WHERE", "")) {
  console.log("the parser accepts broken SQL");
  process.exit(1);
}
for (const path of process.argv.slice(2)) {
  const dialect = basename(path).startsWith("ddl") ? new HiveSQL() : new TrinoSQL();
  const statements = readFileSync(path, "utf8").split(/;\n/).filter((s) => s.replace(/--.*/g, "").trim());
  statements.forEach((s, i) => (bad += check(dialect, s, `${basename(path)}, statement ${i + 1}`) ? 1 : 0));
  console.log(`${basename(path)}: ${statements.length} statements`);
}
process.exit(bad ? 1 : 0);
