import { castOfJson } from '../cockroach/functions.ts';
import { isNode, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import { aggregate, windowFunction } from './aggregates.ts';
import { elements } from './elements.ts';
import { assume, assumeNot } from './facts.ts';
import { variable } from './from-items.ts';
import { all, type Proof } from './proof.ts';
import { builtin, flag, setReturningCalls } from './query-tree.ts';
import type { Scope } from './scope.ts';
import { sublink } from './sublink.ts';
import { trustRules } from './trust.ts';
import { no, type Verdict, yes } from './verdict.ts';

export function expression(proof: Proof, node: TreeNode, scope: Scope): Verdict {
  const f = node.fields;
  const args = nodesOf(f['args']);
  const arg = isNode(f['arg']) ? f['arg'] : undefined;
  switch (node.type) {
    case 'VAR':
      return variable(proof, node, scope);
    case 'CONST':
      return flag(f['constisnull']) ? yes('the constant NULL') : no('a constant');
    case 'PARAM':
      return numberOf(f['paramkind']) === 0 && !proof.params.nullable(numberOf(f['paramid']))
        ? no(`parameter $${numberOf(f['paramid'])} is never null`)
        : yes('the parameter may be null');
    case 'FUNCEXPR': {
      const known = builtin(proof.catalog, node);
      const name = known?.name ?? '';
      // Hidden columns count: those that the rows are only ordered or grouped by.
      if (flag(f['funcretset']) && callsInTargets(scope) > 1)
        return yes('set-returning functions run in step: the shorter one is padded with NULL');
      if (name === 'unnest' && args[0]) return elements(proof, args[0], scope);
      const trust = known ? trustRules(proof.catalog).function(known, node) : 'unknown';
      if (trust === 'never') return no(`${name}() is never null`);
      if (trust === 'as-arguments') return all(proof, args, scope, `${name}() of what is not null`);
      if (trust === 'as-first')
        return all(proof, args.slice(0, 1), scope, `${name}() with a first argument that is not null`);
      if (name === castOfJson) return yes('what is cast may be JSON, whose null may become NULL');
      return yes(
        `nothing is known about the function ${proof.catalog.functions.get(numberOf(f['funcid']))?.name ?? ''}`,
      );
    }
    case 'OPEXPR': {
      const operator = proof.catalog.operators.get(numberOf(f['opno'])) ?? '';
      const known = builtin(proof.catalog, node);
      if (!known || trustRules(proof.catalog).operator(operator, known.args) === 'unknown')
        return yes(`the operator ${operator} may give NULL`);
      return all(proof, args, scope, `${operator} of what is not null`);
    }
    case 'DISTINCTEXPR':
      return no('IS DISTINCT FROM is never null');
    case 'NULLTEST':
      return no('IS NULL is never null');
    case 'BOOLEANTEST':
      return no('IS TRUE and its kin are never null');
    case 'BOOLEXPR':
      return all(proof, args, scope, 'a logical expression of what is not null');
    case 'COALESCEEXPR':
    case 'COALESCE': {
      for (const option of args) {
        const verdict = proof.expression(option, scope);
        if (!verdict.nullable) return no(`COALESCE ends in what is not null: ${verdict.reason}`);
      }
      return yes('every argument of COALESCE may be null');
    }
    case 'MINMAXEXPR':
    case 'MINMAX': {
      for (const option of args)
        if (!proof.expression(option, scope).nullable) return no('one argument is not null');
      return yes('every argument may be null');
    }
    case 'CASEEXPR':
    case 'CASE':
      return caseExpression(proof, args, node, scope);
    case 'CASETESTEXPR':
      return yes('the tested value may be null');
    case 'NAMEDARGEXPR':
    case 'RELABELTYPE':
    case 'COERCEVIAIO':
    case 'COLLATEEXPR':
    case 'COLLATE':
    case 'ARRAYCOERCEEXPR':
    case 'CONVERTROWTYPEEXPR':
    case 'COERCETODOMAIN':
      return arg ? proof.expression(arg, scope) : yes('the cast value is not known');
    case 'ARRAYEXPR':
    case 'ARRAY':
      return no('an ARRAY constructor is never null');
    case 'ROWEXPR':
    case 'ROW':
      return no('a ROW constructor is never null');
    case 'SQLVALUEFUNCTION':
      // CURRENT_SCHEMA (op 14) is null without a search path.
      return numberOf(f['op']) < 14
        ? no('the current time, user or database is never null')
        : yes('there may be no current schema');
    case 'GROUPINGFUNC':
    case 'NEXTVALUEEXPR':
    case 'MERGESUPPORTFUNC':
      return no('never null');
    case 'SUBLINK':
      return sublink(proof, node, scope);
    case 'AGGREF':
      return aggregate(proof, node, scope);
    case 'WINDOWFUNC':
      return windowFunction(proof, node, scope);
    case 'JSONCONSTRUCTOREXPR':
      if (isNode(f['func'])) return proof.expression(f['func'], scope);
      return [1, 2].includes(numberOf(f['type']))
        ? no('a JSON constructor is never null')
        : yes('what is made JSON may be null');
    case 'SCALARARRAYOPEXPR':
      return yes('the array may hold a NULL');
    default:
      return yes('no rule proves it');
  }
}

const callsInTargets = ({ query }: Scope) =>
  nodesOf(query.fields['targetList']).reduce((sum, entry) => sum + setReturningCalls(entry), 0);

/** Each branch, knowing the condition that leads to it and that those before it were not met. */
function caseExpression(
  proof: Proof,
  branches: readonly TreeNode[],
  { fields }: TreeNode,
  scope: Scope,
): Verdict {
  const { defresult } = fields;
  if (!isNode(defresult)) return yes('CASE without ELSE');
  const compared = isNode(fields['arg']);
  const conditions = branches.map((when) => when.fields['expr']);
  const learn = (until: number) => {
    if (compared) return;
    for (const condition of conditions.slice(0, until))
      if (isNode(condition)) assumeNot(proof.catalog, condition, scope);
    assume(proof.catalog, conditions[until], scope);
  };
  for (const [i, result] of [...branches.map((when) => when.fields['result']), defresult].entries()) {
    if (!isNode(result)) return yes('a branch of CASE is not known');
    const verdict = scope.knowing(
      () => learn(i),
      () => proof.expression(result, scope),
    );
    if (verdict.nullable) return verdict;
  }
  return no('every branch of CASE is not null');
}
