import type { CatalogColumn, CatalogTable } from '../engine/catalog.ts';
import { isNode, listOf, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import { cteColumn } from './ctes.ts';
import { elements } from './elements.ts';
import { all, type Proof } from './proof.ts';
import {
  aliasOf,
  commandInsert,
  commandMerge,
  commandSelect,
  commandUpdate,
  flag,
  functionName,
  joinFull,
  joinLeft,
  joinRight,
  returnsSet,
  rteCte,
  rteFunction,
  rteGroup,
  rteJoin,
  rteRelation,
  rteSubquery,
  rteValues,
  setReturningCalls,
} from './query-tree.ts';
import { nulling, type Scope } from './scope.ts';
import { trusted } from './trusted-functions.ts';
import { no, type Verdict, yes } from './verdict.ts';

export function variable(proof: Proof, node: TreeNode, from: Scope): Verdict {
  const f = node.fields;
  const scope = from.up(numberOf(f['varlevelsup']));
  const varno = numberOf(f['varno']);
  const attribute = numberOf(f['varattno']);
  const rte = scope.rte(varno);
  if (!rte) return yes('the table is not known');
  if (scope.command() === commandMerge) return yes('MERGE may leave either side empty');
  if (listOf(scope.query.fields['groupingSets']).length > 0 && !flag(scope.query.fields['hasGroupRTE']))
    return yes('grouping sets may leave it out');
  const returning = numberOf(f['varreturningtype'] ?? '0');
  if (returning > 0 && scope.command() !== commandUpdate) return yes('OLD or NEW may be missing');
  const isTarget = numberOf(scope.query.fields['resultRelation']) === varno;
  const changed = isTarget && (scope.command() === commandUpdate || scope.command() === commandInsert);
  const known = changed ? undefined : scope.proven.get(`${varno}.${attribute}`);
  if (known && scope === from) return no(known);
  const outer = nulling(node, scope, from);
  if (outer.length > 0) {
    const join = outer.find((index) => scope.joins.has(index));
    if (join === undefined) return yes('grouping sets may leave it out');
    const word =
      { [joinLeft]: 'LEFT', [joinRight]: 'RIGHT', [joinFull]: 'FULL' }[scope.joins.get(join)!] ?? 'outer';
    return yes(`a ${word} JOIN may leave ${aliasOf(rte)} without a row`);
  }
  return column(proof, rte, attribute, scope, varno);
}

export function column(proof: Proof, rte: TreeNode, attribute: number, scope: Scope, varno: number): Verdict {
  const f = rte.fields;
  const kind = numberOf(f['rtekind']);
  if (attribute === 0 && [rteRelation, rteSubquery, rteValues, rteCte].includes(kind))
    return no('a whole row');
  switch (kind) {
    case rteRelation: {
      if (attribute < 0) return no('a system column');
      const table = proof.catalog.tables.get(numberOf(f['relid']));
      const column = table?.columns.find((candidate) => candidate.attribute === attribute);
      if (!table || !column)
        return proof.catalog.systemNotNull.has(`${numberOf(f['relid'])}.${attribute}`)
          ? no('a system column that is NOT NULL')
          : yes('a column of a system table');
      const name = `${table.name}.${column.name}`;
      if (column.notNull) return no(`${name} is NOT NULL`);
      return stored(proof, table, column) ?? yes(`${name} has no NOT NULL`);
    }
    case rteSubquery:
      return isNode(f['subquery'])
        ? proof.output(proof.scope(f['subquery'], scope), attribute - 1)
        : yes('the subquery is not known');
    case rteJoin: {
      const alias = listOf(f['joinaliasvars'])[attribute - 1];
      if (!isNode(alias)) return yes('the joined column is not known');
      if (alias.type.startsWith('COALESCE') && scope.joins.get(varno) === joinFull) {
        // USING under FULL JOIN: a row has at least one of its sides.
        const sides = scope.knowing(
          () => scope.matched.add(varno),
          () => nodesOf(alias.fields['args']).map((side) => proof.expression(side, scope)),
        );
        return sides.every((side) => !side.nullable)
          ? no('a FULL JOIN has one side or the other')
          : yes('both sides may be null');
      }
      return proof.expression(alias, scope);
    }
    case rteFunction:
      return functionColumn(proof, rte, attribute, scope);
    case rteValues: {
      const rows = listOf(f['values_lists']).map((row) => nodesOf(row)[attribute - 1]);
      if (rows.some((row) => row === undefined)) return yes('a VALUES row is not known');
      return all(proof, rows as TreeNode[], scope, 'every row of VALUES has a value');
    }
    case rteCte:
      return cteColumn(proof, rte, attribute, scope);
    case rteGroup: {
      const expression = nodesOf(f['groupexprs'])[attribute - 1];
      return expression ? proof.expression(expression, scope) : yes('the grouped expression is not known');
    }
    default:
      return yes('no rule for this kind of FROM item');
  }
}

/** A column whose values are computed: of a materialized view, or generated. */
function stored(proof: Proof, { oid, name }: CatalogTable, column: CatalogColumn): Verdict | undefined {
  const query = proof.catalog.materialized.get(oid);
  if (query) return proof.output(proof.scope(query, undefined), column.attribute - 1);
  if (!column.generated) return undefined;
  const rtable = [treeNode('RANGETBLENTRY', { rtekind: String(rteRelation), relid: String(oid) })];
  const row = proof.scope(treeNode('QUERY', { commandType: String(commandSelect), rtable }), undefined);
  const verdict = proof.expression(column.generated, row);
  return verdict.nullable ? undefined : no(`${name}.${column.name} is generated: ${verdict.reason}`);
}

const treeNode = (type: string, fields: TreeNode['fields']): TreeNode => ({ type, fields });

export function functionColumn(proof: Proof, rte: TreeNode, attribute: number, scope: Scope): Verdict {
  const functions = nodesOf(rte.fields['functions']);
  const only = functions[0];
  if (functions.length !== 1 || !only) return yes('ROWS FROM pads the shorter function with NULL');
  const columns = numberOf(only.fields['funccolcount']);
  if (flag(rte.fields['funcordinality']) && attribute === columns + 1) return no('WITH ORDINALITY counts');
  const expression = only.fields['funcexpr'];
  if (!isNode(expression) || columns !== 1) return yes('a column of a function');
  const name = functionName(proof.catalog, expression);
  const args = nodesOf(expression.fields['args']);
  if (name === 'unnest' && args[0]) return elements(proof, args[0], scope);
  if (returnsSet(expression))
    return trusted.rowSources.includes(name) && setReturningCalls(expression) === 1
      ? all(proof, args, scope, `${name}() gives no NULL`)
      : yes('a set-returning function may give NULL');
  return proof.expression(expression, scope);
}
