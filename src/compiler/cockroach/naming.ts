import { child, children, names, type RawNode, text } from '../lints/raw-tree.ts';

/**
 * What CockroachDB calls an output column that has no alias; undefined where it is better not to say. Output
 * columns of the whole statement are compared with what Describe calls them.
 */
export function outputName(expression: RawNode | undefined): string | undefined {
  if (!expression) return undefined;
  const ref = child(expression, 'ColumnRef');
  if (ref) return names(children(ref, 'fields')).at(-1);
  const call = child(expression, 'FuncCall');
  if (call) {
    const name = names(children(call, 'funcname')).at(-1);
    return name === 'ifnull' ? 'coalesce' : name;
  }
  const cast = child(expression, 'TypeCast', 'arg');
  if (cast) return child(cast, 'A_Const') ? undefined : outputName(cast);
  if (child(expression, 'A_Expr', 'lexpr') || child(expression, 'A_Expr', 'rexpr'))
    return text(expression, 'A_Expr', 'kind') === 'AEXPR_NULLIF' ? 'nullif' : '?column?';
  if (child(expression, 'BoolExpr') || child(expression, 'NullTest') || child(expression, 'A_Const'))
    return '?column?';
  if (child(expression, 'CoalesceExpr')) return 'coalesce';
  const choice = child(expression, 'CaseExpr');
  if (choice) {
    const otherwise = child(choice, 'defresult');
    const name = child(otherwise, 'ColumnRef') ? outputName(otherwise) : undefined;
    return name ?? (otherwise && !child(otherwise, 'A_Const') ? undefined : 'case');
  }
  if (child(expression, 'MinMaxExpr'))
    return text(expression, 'MinMaxExpr', 'op') === 'IS_LEAST' ? 'least' : 'greatest';
  switch (text(expression, 'SubLink', 'subLinkType')) {
    case 'EXISTS_SUBLINK':
      return 'exists';
    case 'ARRAY_SUBLINK':
      return 'array';
  }
  if (child(expression, 'A_ArrayExpr')) return 'array';
  return undefined;
}
