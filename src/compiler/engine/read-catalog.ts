import type pg from 'pg';
import { cockroachSymbols } from '../cockroach/functions.ts';
import type {
  Catalog,
  CatalogColumn,
  CatalogFunction,
  CatalogIndex,
  CatalogTable,
  CatalogType,
  TypeKind,
} from './catalog.ts';
import { readCockroachNames, readHiddenColumns } from './cockroach-names.ts';
import { isNode, readNodeTree, type TreeNode } from './node-tree.ts';

const kinds: Readonly<Record<string, TypeKind>> = {
  b: 'base',
  e: 'enum',
  c: 'composite',
  d: 'domain',
  r: 'range',
  m: 'range',
  p: 'pseudo',
};

const tableKinds: Readonly<Record<string, CatalogTable['kind']>> = {
  r: 'table',
  p: 'table',
  v: 'view',
  m: 'materialized view',
  f: 'foreign table',
  c: 'composite',
};

const internal = `('pg_catalog', 'information_schema', 'pg_toast', 'crdb_internal', 'pg_extension')`;

async function rows(client: pg.Client, text: string): Promise<(string | null)[][]> {
  return (
    await client.query<(string | null)[]>({ text, rowMode: 'array', types: { getTypeParser: () => String } })
  ).rows;
}

/** pg gives SQL NULL as null whatever the parser. */
const int = (value: string | null | undefined) => Number(value ?? 0);

async function readTypes(client: pg.Client): Promise<Map<number, CatalogType>> {
  const labels = new Map<number, string[]>();
  for (const [oid, label] of await rows(
    client,
    'SELECT enumtypid, enumlabel FROM pg_catalog.pg_enum ORDER BY enumtypid, enumsortorder',
  )) {
    const known = labels.get(int(oid));
    if (known) known.push(label!);
    else labels.set(int(oid), [label!]);
  }
  const types = new Map<number, CatalogType>();
  const found = await rows(
    client,
    `SELECT t.oid, n.nspname, t.typname, t.typtype, t.typcategory, t.typelem, t.typbasetype, t.typtypmod, t.typnotnull, t.typrelid, t.typdelim
     FROM pg_catalog.pg_type AS t JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace`,
  );
  for (const [
    oid,
    schema,
    name,
    kind,
    category,
    element,
    base,
    typmod,
    notNull,
    relation,
    delimiter,
  ] of found)
    types.set(int(oid), {
      oid: int(oid),
      schema: schema!,
      name: name!,
      kind: category === 'A' && kind !== 'd' ? 'array' : (kinds[kind!] ?? 'base'),
      element: int(element),
      base: int(base),
      baseTypmod: int(typmod),
      notNull: notNull === 't' || notNull === 'true',
      labels: labels.get(int(oid)) ?? [],
      relation: int(relation),
      delimiter: delimiter || ',',
    });
  return types;
}

async function readTables(
  client: pg.Client,
  cockroach: boolean,
  version: number,
): Promise<Map<number, CatalogTable>> {
  const weak = cockroach ? '' : version >= 180000 ? `${unprovenNotNull} ${looseChild}` : looseChild;
  const generated = cockroach ? new Map<string, TreeNode>() : await readGenerated(client);
  const columns = await rows(
    client,
    `SELECT c.oid, n.nspname, c.relname, c.relkind, a.attname, a.attnum, a.atttypid, a.atttypmod,
       a.attnotnull AND c.relkind IN ('r', 'p') ${weak}, a.atthasdef${cockroach ? '' : " OR a.attidentity <> ''"},
       pg_catalog.col_description(c.oid, a.attnum), a.attndims
     FROM pg_catalog.pg_class AS c
     JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND n.nspname NOT IN ${internal}
     ORDER BY c.oid, a.attnum`,
  );
  const indexes = await rows(
    client,
    `SELECT i.indrelid, i.indexrelid, i.indisunique, i.indisprimary, i.indpred IS NOT NULL OR i.indexprs IS NOT NULL,
       array_to_string(i.indkey, ' ')
     FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
     JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname NOT IN ${internal} ORDER BY i.indrelid, i.indexrelid`,
  );
  const hidden = cockroach ? await readHiddenColumns((text) => rows(client, text)) : new Set<string>();
  const tables = new Map<number, CatalogTable & { columns: CatalogColumn[]; indexes: CatalogIndex[] }>();
  const truth = (value: string | null | undefined) => value === 't' || value === 'true';
  for (const [
    oid,
    schema,
    name,
    kind,
    column,
    attribute,
    typeOid,
    typmod,
    notNull,
    hasDefault,
    comment,
    dimensions,
  ] of columns) {
    let table = tables.get(int(oid));
    if (!table) {
      table = {
        oid: int(oid),
        schema: schema!,
        name: name!,
        kind: tableKinds[kind!] ?? 'table',
        columns: [],
        indexes: [],
      };
      tables.set(int(oid), table);
    }
    table.columns.push({
      name: column!,
      attribute: int(attribute),
      typeOid: int(typeOid),
      typmod: int(typmod),
      notNull: truth(notNull),
      hasDefault: truth(hasDefault),
      generated: generated.get(`${oid}.${attribute}`),
      hidden: hidden.has(`${oid}.${column}`),
      comment: comment ?? undefined,
      dimensions: Math.max(1, int(dimensions)),
    });
  }
  for (const [relation, , unique, primary, partial, keys] of indexes) {
    const table = tables.get(int(relation));
    if (!table) continue;
    const names = (keys ?? '')
      .split(/[ ,]+/)
      .map((key) => table.columns.find((column) => column.attribute === Number(key))?.name ?? '');
    table.indexes.push({
      columns: names,
      unique: truth(unique),
      primary: truth(primary),
      partial: truth(partial),
    });
  }
  return tables;
}

/** From PostgreSQL 18 a NOT NULL may be unvalidated or not inherited: such a one proves nothing. */
const unprovenNotNull = `AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint AS k
  WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND k.conkey = ARRAY[a.attnum] AND (NOT k.convalidated OR k.connoinherit))`;

/** Rows of children are rows of their parent: before PostgreSQL 18 a child may lack the NOT NULL, and a foreign table's is not enforced. */
const looseChild = `AND NOT EXISTS (
  WITH RECURSIVE child AS (
    SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = c.oid
    UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i JOIN child ON i.inhparent = child.inhrelid)
  SELECT 1 FROM child JOIN pg_catalog.pg_class AS k ON k.oid = child.inhrelid
  JOIN pg_catalog.pg_attribute AS o ON o.attrelid = k.oid AND o.attname = a.attname
  WHERE NOT o.attnotnull OR k.relkind = 'f')`;

/** Expressions of generated columns, as `table oid.attribute`. A child may compute its own, so parents have none. */
async function readGenerated(client: pg.Client): Promise<Map<string, TreeNode>> {
  const found = await rows(
    client,
    `SELECT a.attrelid, a.attnum, d.adbin::TEXT FROM pg_catalog.pg_attribute AS a
     JOIN pg_catalog.pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attgenerated <> '' AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_inherits AS i WHERE i.inhparent = a.attrelid)`,
  );
  const expressions = new Map<string, TreeNode>();
  for (const [oid, attribute, text] of found) {
    const tree = readNodeTree(text ?? '');
    if (isNode(tree)) expressions.set(`${oid}.${attribute}`, tree);
  }
  return expressions;
}

async function readSystemNotNull(client: pg.Client): Promise<Set<string>> {
  const found = await rows(
    client,
    `SELECT a.attrelid, a.attnum FROM pg_catalog.pg_attribute AS a
     JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
     WHERE c.relnamespace = 'pg_catalog'::REGNAMESPACE AND c.relkind = 'r' AND a.attnum > 0 AND a.attnotnull`,
  );
  return new Set(found.map(([oid, attribute]) => `${oid}.${attribute}`));
}

/** Functions and operators: needed only to judge PostgreSQL's trees. */
async function readFunctions(client: pg.Client): Promise<Map<number, CatalogFunction>> {
  const functions = new Map<number, CatalogFunction>();
  const found = await rows(
    client,
    `SELECT p.oid, n.nspname, p.proname, p.proisstrict, p.proargtypes FROM pg_catalog.pg_proc AS p
     JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace`,
  );
  for (const [oid, schema, name, strict, args] of found)
    functions.set(int(oid), {
      schema: schema!,
      name: name!,
      strict: strict === 't' || strict === 'true',
      args: (args ?? '').split(' ').filter(Boolean).map(Number),
    });
  return functions;
}

async function readOperators(client: pg.Client): Promise<Map<number, string>> {
  const found = await rows(client, 'SELECT oid, oprname FROM pg_catalog.pg_operator');
  return new Map(found.map(([oid, name]) => [int(oid), name!]));
}

/** Reads everything that the compiler wants to know, in a handful of round trips. */
export async function readCatalog(client: pg.Client, cockroach: boolean, version: number): Promise<Catalog> {
  const types = await readTypes(client);
  const tables = await readTables(client, cockroach, version);
  if (cockroach)
    return {
      types,
      tables,
      ...cockroachSymbols(),
      materialized: new Map(),
      systemNotNull: new Set(),
      dialect: 'cockroachdb',
      cockroach: await readCockroachNames((text) => rows(client, text)),
    };
  const functions = await readFunctions(client);
  const operators = await readOperators(client);
  const systemNotNull = await readSystemNotNull(client);
  const materialized = new Map<number, TreeNode>();
  return { types, tables, functions, operators, materialized, systemNotNull, dialect: 'postgresql' };
}
