import type { TreeNode } from '../engine/node-tree.ts';
import { child, children, locationOf, names, type RawNode, text } from '../lints/raw-tree.ts';
import { typeOf } from '../nullability/trusted-functions.ts';
import { functionCall } from './function-call.ts';
import { castOfJson, functionOid } from './functions.ts';
import { findColumn, findQualified, findTable, type Level, variable } from './level.ts';
import { constant, node, opaque, textConstant } from './nodes.ts';
import { operatorExpression } from './operators.ts';
import type { Resolver } from './resolver.ts';
import { mayBeJson, typeOid } from './types.ts';

const booleanTests = 'IS_TRUE IS_NOT_TRUE IS_FALSE IS_NOT_FALSE IS_UNKNOWN IS_NOT_UNKNOWN'.split(' ');
const sublinks = 'EXISTS ALL ANY ROWCOMPARE EXPR MULTIEXPR ARRAY'.split(' ').map((kind) => `${kind}_SUBLINK`);
const timeValues = [
  ...['CURRENT_DATE', 'CURRENT_TIME', 'CURRENT_TIME_N', 'CURRENT_TIMESTAMP', 'CURRENT_TIMESTAMP_N'],
  ...['LOCALTIME', 'LOCALTIME_N', 'LOCALTIMESTAMP', 'LOCALTIMESTAMP_N'],
].map((name) => `SVFOP_${name}`);

/** Turns an expression of the syntax tree into the analysed shape, every name resolved. */
export function resolveExpression(resolver: Resolver, raw: RawNode | undefined, level: Level): TreeNode {
  const [type, body] = Object.entries(raw ?? {})[0] ?? [];
  const inner = body as RawNode;
  const arg = (key = 'arg') => resolver.expression(child(inner, key), level);
  const args = (key = 'args') => children(inner, key).map((item) => resolver.expression(item, level));
  switch (type) {
    case 'ColumnRef':
      return columnReference(inner, level);
    case 'A_Const':
      return constantOf(inner);
    case 'ParamRef': {
      const n = Number(inner['number'] ?? 0);
      return node('PARAM', { paramkind: 0, paramid: n, paramtype: resolver.parameterType(n) });
    }
    case 'TypeCast':
      return cast(resolver, inner, level);
    case 'A_Expr':
      return operatorExpression(resolver, inner, level);
    case 'FuncCall':
      return functionCall(resolver, inner, level);
    case 'BoolExpr':
      return node('BOOLEXPR', {
        boolop: text(inner, 'boolop').replace('_EXPR', '').toLowerCase(),
        args: args(),
      });
    case 'NullTest':
      return node('NULLTEST', {
        arg: arg(),
        nulltesttype: text(inner, 'nulltesttype') === 'IS_NOT_NULL' ? 1 : 0,
        argisrow: false,
      });
    case 'BooleanTest':
      return node('BOOLEANTEST', {
        arg: arg(),
        booltesttype: booleanTests.indexOf(text(inner, 'booltesttype')),
      });
    case 'CoalesceExpr':
      return node('COALESCEEXPR', { args: args() });
    case 'MinMaxExpr':
      return node('MINMAXEXPR', { args: args() });
    case 'CaseExpr':
      return caseExpression(resolver, inner, level);
    case 'A_ArrayExpr':
      return node('ARRAYEXPR', {
        elements: args('elements'),
        multidims: children(inner, 'elements').some((item) => child(item, 'A_ArrayExpr')),
      });
    case 'CollateClause':
      return node('COLLATEEXPR', { arg: arg(), resulttype: 25 });
    case 'SQLValueFunction': {
      const op = timeValues.indexOf(text(inner, 'op'));
      return node('SQLVALUEFUNCTION', { op: op < 0 ? 99 : op });
    }
    case 'SubLink':
      return node('SUBLINK', {
        subLinkType: sublinks.indexOf(text(inner, 'subLinkType')),
        testexpr: child(inner, 'testexpr') ? arg('testexpr') : null,
        subselect: resolver.query(child(inner, 'subselect') ?? {}, level),
      });
    case 'RowExpr':
      return opaque(...args());
    case 'A_Indirection':
    case 'NamedArgExpr':
      return opaque(arg());
    default:
      return opaque();
  }
}

function columnReference(inner: RawNode, level: Level): TreeNode {
  const fields = children(inner, 'fields');
  const path = names(fields);
  // `t.*` where a value is wanted is the whole row.
  if (path.length !== fields.length) return opaque();
  const location = locationOf(inner) ?? 0;
  const name = path.at(-1)!;
  return path.length === 1
    ? (findColumn(level, name, location) ?? wholeRow(level, name, location))
    : findQualified(level, path.slice(0, -1), name, location);
}

/** A table's name where a value is wanted: its row. */
function wholeRow(level: Level, name: string, location: number): TreeNode {
  const { table, up } = findTable(level, [name]);
  const [first] = table.columns;
  if (!first || table.columns.some(({ varno }) => varno !== first.varno)) return opaque();
  return variable({ name, varno: first.varno, attribute: 0, type: 0 }, up, location);
}

const int8 = 20;
const numeric = 1700;
const bool = 16;

function constantOf(inner: RawNode): TreeNode {
  if (inner['isnull'] === true) return constant(0, true);
  if (inner['ival']) return constant(int8);
  // What is beyond INT4 is a decimal to PostgreSQL's grammar; CockroachDB has INT8.
  if (inner['fval']) return constant(/^-?\d{1,18}$/.test(text(inner, 'fval', 'fval')) ? int8 : numeric);
  if (inner['boolval']) return constant(bool);
  if (inner['sval']) return textConstant(text(inner, 'sval', 'sval'));
  return constant(0);
}

function cast(resolver: Resolver, inner: RawNode, level: Level): TreeNode {
  const arg = resolver.expression(child(inner, 'arg'), level);
  const resulttype = typeOid(child(inner, 'typeName'), resolver.catalog);
  const target = resolver.catalog.types.get(resulttype)?.name;
  const keepsJson = target === 'jsonb' || target === 'text' || target === 'varchar';
  if (!keepsJson && mayBeJson(arg, resolver.catalog))
    return node('FUNCEXPR', {
      funcid: functionOid(castOfJson),
      funcresulttype: resulttype,
      funcformat: 1,
      funcretset: false,
      args: [arg],
    });
  // A cast of a constant is a constant of that type.
  if (arg.type === 'CONST' && typeOf(arg) !== 0 && target !== 'jsonb')
    return { ...arg, fields: { ...arg.fields, consttype: String(resulttype) } };
  return node('COERCEVIAIO', { arg, resulttype, coerceformat: 1 });
}

function caseExpression(resolver: Resolver, inner: RawNode, level: Level): TreeNode {
  const otherwise = child(inner, 'defresult');
  const tested = child(inner, 'arg');
  return node('CASEEXPR', {
    arg: tested ? resolver.expression(tested, level) : null,
    args: children(inner, 'args').map((when) =>
      node('CASEWHEN', {
        expr: resolver.expression(child(when, 'CaseWhen', 'expr'), level),
        result: resolver.expression(child(when, 'CaseWhen', 'result'), level),
      }),
    ),
    defresult: otherwise ? resolver.expression(otherwise, level) : null,
  });
}
