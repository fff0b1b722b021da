import type pg from 'pg';
import { problemAt } from '../diagnostic.ts';
import { type Token, tokenize, UnterminatedTokenError } from '../source/lexer.ts';
import { isCode, isNamed, splitStatements } from '../source/query-file.ts';
import type { SourceFile } from '../source/source-file.ts';

/** Undefined object: a role, or a setting, that a dump of another server names. */
const undefinedObject = '42704';
const duplicateSchema = '42P06';
/** A role belongs to the server, and is there from the last run. */
const duplicateRole = '42710';

interface ServerError {
  readonly code?: string;
  readonly message: string;
  readonly position?: string;
  readonly hint?: string;
}

/**
 * Applies a file, one statement at a time, so that each error has its place; CockroachDB wants DDL so anyway. Queries
 * with a name are no part of the schema. Throws SourceError.
 */
export async function applyFile(client: pg.Client, file: SourceFile): Promise<void> {
  let last: Token | undefined;
  for (const statement of statementsOf(file)) {
    const first = statement.findIndex(isCode);
    if (first < 0 || isNamed(statement) || isOfTheServer(statement.filter(isCode))) continue;
    last = statement[first]!;
    const text = statement.slice(first).map((token) => token.text);
    try {
      await client.query(text.join(''));
    } catch (cause) {
      const error = cause as ServerError;
      if (saysNothingOfTypes(statement.filter(isCode), error)) continue;
      const at = last.at + (error.position === undefined ? 0 : Number(error.position) - 1);
      throw problemAt(file, at, error.code ?? 'HF020', error.message, extensionHint(error) ?? error.hint);
    }
  }
  if (last && client.getTransactionStatus() === 'T')
    throw problemAt(
      file,
      last.at,
      'HF021',
      'this file begins a transaction and does not end it, so nothing of it would stay',
      'end it with COMMIT',
    );
}

function statementsOf(file: SourceFile): Token[][] {
  try {
    return splitStatements(tokenize(file.text));
  } catch (error) {
    if (!(error instanceof UnterminatedTokenError)) throw error;
    throw problemAt(file, error.at, 'HF002', error.message);
  }
}

function extensionHint({ code, message }: ServerError): string | undefined {
  return (code === '0A000' || code === '58P01') && message.includes('extension')
    ? 'the embedded PostgreSQL has those that come with it: compile with --url of a server that has this one too'
    : undefined;
}

/** Whether a statement is about databases and the server; a dump names those that it comes from. */
function isOfTheServer(code: readonly Token[]): boolean {
  const [word = '', what = ''] = code.map(({ text }) => text.toUpperCase());
  return /^(?:CREATE|ALTER|DROP)$/.test(word) && /^(?:DATABASE|SYSTEM|TABLESPACE)$/.test(what);
}

/** Whether a failure is about who owns what, or about a setting of another release: dumps are full of both. */
function saysNothingOfTypes(code: readonly Token[], error: ServerError): boolean {
  const words = code.slice(0, 3).map(({ text }) => text.toUpperCase());
  const owner = code.some(({ text }, i) => /^owner$/i.test(text) && /^to$/i.test(code[i + 1]?.text ?? ''));
  if (error.code === duplicateSchema)
    return words[0] === 'CREATE' && /^(?:PUBLIC|HOLDFAST)$/.test(words[2] ?? '');
  if (error.code === duplicateRole) return /^(?:ROLE|USER|GROUP)$/.test(words[1] ?? '');
  if (error.code !== undefinedObject) return false;
  const rights = /^(?:GRANT|REVOKE)$/.test(words[0] ?? '') || /^(?:DEFAULT|POLICY)$/.test(words[1] ?? '');
  return words[0] === 'SET' || ((rights || owner) && error.message.startsWith('role '));
}

/** Whether a file may leave something on its connection, or in it. */
export function mayStay(file: SourceFile): boolean {
  return /\b(?:set|set_config|reset|role|temp|temporary|begin|start|listen|prepare)\b/i.test(file.text);
}
