import { parseSync } from 'libpg-query';
import type { Catalog } from '../engine/catalog.ts';
import { nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import type { WireDescription } from '../engine/wire.ts';
import { child, children, type RawNode } from '../lints/raw-tree.ts';
import { resolveDelete, resolveInsert, resolveUpdate } from './change.ts';
import { plainSql } from './dialect.ts';
import { resolveExpression } from './expression.ts';
import type { Level } from './level.ts';
import type { Resolver } from './resolver.ts';
import { resolveSelect } from './select.ts';
import { UnresolvedError } from './unresolved.ts';

/**
 * The analysed query that CockroachDB does not show: the syntax tree of libpg-query with every name resolved
 * in CockroachDB's catalog, in the shape in which PostgreSQL prints its own, so that one prover judges both.
 * Undefined when the statement has syntax that PostgreSQL's grammar lacks, or a name whose meaning would be
 * a guess, or when what came out does not agree with what Describe says. Load libpg-query's module first.
 */
export function resolveStatement(
  text: string,
  description: WireDescription,
  catalog: Catalog,
): TreeNode | undefined {
  const tree = resolveText(text, description.params, catalog);
  return tree && agrees(tree, description) ? tree : undefined;
}

function resolveText(text: string, params: readonly number[], catalog: Catalog): TreeNode | undefined {
  try {
    const statements = children(parseSync(plainSql(text)), 'stmts');
    const only = statements.length === 1 ? child(statements[0], 'stmt') : undefined;
    return only && new StatementResolver(catalog, params).query(only, undefined);
  } catch (error) {
    if (error instanceof UnresolvedError || isSyntaxError(error)) return undefined;
    throw error;
  }
}

const isSyntaxError = (error: unknown) => error instanceof Error && error.name === 'SqlError';

class StatementResolver implements Resolver {
  readonly catalog: Catalog;
  readonly #params: readonly number[];

  constructor(catalog: Catalog, params: readonly number[]) {
    this.catalog = catalog;
    this.#params = params;
  }

  parameterType(n: number): number {
    return this.#params[n - 1] ?? 0;
  }

  view(oid: number): TreeNode | undefined {
    const definition = this.catalog.cockroach?.views.get(oid);
    return definition === undefined ? undefined : resolveText(definition, [], this.catalog);
  }

  expression(raw: RawNode | undefined, level: Level): TreeNode {
    return resolveExpression(this, raw, level);
  }

  query(raw: RawNode, parent: Level | undefined): TreeNode {
    const [type, body] = Object.entries(raw)[0] ?? [];
    switch (type) {
      case 'SelectStmt':
        return resolveSelect(this, body as RawNode, parent);
      case 'InsertStmt':
        return resolveInsert(this, body as RawNode, parent);
      case 'UpdateStmt':
        return resolveUpdate(this, body as RawNode, parent);
      case 'DeleteStmt':
        return resolveDelete(this, body as RawNode, parent);
      default:
        throw new UnresolvedError(`a statement of kind ${type}`);
    }
  }
}

/** Describe knows the names of the columns, and for plain ones which column of which table they are. */
function agrees(tree: TreeNode, description: WireDescription): boolean {
  const { fields: f } = tree;
  const list = nodesOf(numberOf(f['commandType']) === 1 ? f['targetList'] : f['returningList']);
  const outputs = list.filter((entry) => entry.fields['resjunk'] !== 'true');
  if (outputs.length !== description.columns.length) return false;
  const rtable = nodesOf(f['rtable']);
  return outputs.every(({ fields }, i) => {
    const column = description.columns[i]!;
    if (typeof fields['resname'] === 'string' && fields['resname'] !== column.name) return false;
    const [variable] = nodesOf([fields['expr'] ?? null]);
    if (variable?.type !== 'VAR' || column.tableOid === 0 || f['setOperations'] !== null) return true;
    const rte = rtable[numberOf(variable.fields['varno']) - 1];
    if (numberOf(rte?.fields['rtekind']) !== 0) return true;
    return (
      numberOf(rte?.fields['relid']) === column.tableOid &&
      numberOf(variable.fields['varattno']) === column.attribute
    );
  });
}
