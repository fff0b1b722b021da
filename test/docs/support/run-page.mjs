// Runs the examples of one page, one behind the other. Arguments: the file with the steps, the file for what came
// of them. Ends by itself unless an example leaves something running.
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import pg from 'pg';

const [stepsFile, resultsFile] = process.argv.slice(2);
const results = [];
const write = process.stdout.write;

for (const { path, sql } of JSON.parse(readFileSync(stepsFile, 'utf8'))) {
  const result = { output: '' };
  process.stdout.write = (text) => {
    result.output += text;
    return true;
  };
  try {
    if (sql === undefined) await import(pathToFileURL(path).href);
    else await query(sql);
  } catch (error) {
    result.error = inspect(error);
  }
  process.stdout.write = write;
  results.push(result);
  writeFileSync(resultsFile, JSON.stringify(results));
}

async function query(text) {
  const client = new pg.Client({ connectionString: process.env.HOLDFAST_DATABASE_URL });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
