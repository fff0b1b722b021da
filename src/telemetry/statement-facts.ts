import type { Attributes } from '@opentelemetry/api';
import type { Statement } from '../query/index.ts';
import { DB_COLLECTION_NAME, DB_OPERATION_NAME, DB_QUERY_SUMMARY } from './attributes.ts';
import { redactLiterals } from './redact.ts';

/** What is told of a statement. Made from its text and its compiled description, never from its values. */
export interface StatementFacts {
  /** Low-cardinality name of the statement: the compiled query's name, or operation and table. */
  readonly summary: string;
  /** For the metric. */
  readonly attributes: Attributes;
  readonly queryText: string;
}

const MOST_FACTS = 5_000;
const known = new Map<string, StatementFacts>();

/** Facts of a statement, kept by text. */
export function factsOf(statement: Statement): StatementFacts {
  let facts = known.get(statement.text);
  if (!facts) {
    facts = describe(statement);
    if (known.size >= MOST_FACTS) known.clear();
    known.set(statement.text, facts);
  }
  return facts;
}

function describe(statement: Statement): StatementFacts {
  const { text, name, collection } = statement;
  // A compiled text is part of the program; one made by hand may have values written into it.
  const queryText = name === undefined ? redactLiterals(text) : text;
  const operation = statement.operation ?? firstWord(queryText);
  const summary = name ?? ([operation, collection].filter(Boolean).join(' ') || 'statement');
  return { summary, queryText, attributes: attributesOf(summary, operation, collection) };
}

/** Facts of several statements that are sent as one. A batch of one is that statement. */
export function batchFacts(statements: readonly Statement[]): StatementFacts {
  const all = statements.map(factsOf);
  if (all.length === 1) return all[0]!;
  const common = (key: string) => {
    const values = new Set(all.map(({ attributes }) => attributes[key]));
    return values.size === 1 ? (all[0]?.attributes[key] as string | undefined) : undefined;
  };
  const names = new Set(all.map(({ summary }) => summary));
  const summary = names.size === 1 ? `BATCH ${all[0]!.summary}` : 'BATCH';
  const operation = common(DB_OPERATION_NAME);
  return {
    summary,
    queryText: [...new Set(all.map(({ queryText }) => queryText))].join(';\n'),
    attributes: attributesOf(summary, operation ? `BATCH ${operation}` : 'BATCH', common(DB_COLLECTION_NAME)),
  };
}

function attributesOf(
  summary: string,
  operation: string | undefined,
  collection: string | undefined,
): Attributes {
  return {
    [DB_QUERY_SUMMARY]: summary,
    ...(operation === undefined ? {} : { [DB_OPERATION_NAME]: operation }),
    ...(collection === undefined ? {} : { [DB_COLLECTION_NAME]: collection }),
  };
}

const firstWord = (text: string) => /^[(\s]*([A-Za-z]+)/.exec(text)?.[1]?.toUpperCase();
