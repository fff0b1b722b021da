import { castOfJson } from '../cockroach/functions.ts';
import { isNode, nodesOf, numberOf, type TreeNode } from '../engine/node-tree.ts';
import { aggregate } from './aggregates.ts';
import { variable } from './from-items.ts';
import { all, type Proof } from './proof.ts';
import { flag, functionName } from './query-tree.ts';
import type { Scope } from './scope.ts';
import { sublink } from './sublink.ts';
import { trustRules } from './trust.ts';
import { countingWindows } from './trusted-functions.ts';
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
      const name = functionName(proof.catalog, node);
      const trust = name === '' ? 'unknown' : trustRules(proof.catalog).function(name, node);
      if (trust === 'never') return no(`${name}() is never null`);
      if (trust === 'as-arguments') return all(proof, args, scope, `${name}() of what is not null`);
      if (name === castOfJson) return yes('what is cast may be JSON, whose null may become NULL');
      return yes(
        `nothing is known about the function ${proof.catalog.functions.get(numberOf(f['funcid']))?.name ?? ''}`,
      );
    }
    case 'OPEXPR': {
      const operator = proof.catalog.operators.get(numberOf(f['opno'])) ?? '';
      if (
        functionName(proof.catalog, node) === '' ||
        trustRules(proof.catalog).operator(operator, args) === 'unknown'
      )
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
    case 'CASE': {
      const otherwise = f['defresult'];
      if (!isNode(otherwise)) return yes('CASE without ELSE');
      const results = args.map((when) => when.fields['result']).filter(isNode);
      return all(proof, [...results, otherwise], scope, 'every branch of CASE is not null');
    }
    case 'CASETESTEXPR':
      return yes('the tested value may be null');
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
      return numberOf(f['op']) < 9
        ? no('the current time is never null')
        : yes('a session value may be null');
    case 'GROUPINGFUNC':
    case 'NEXTVALUEEXPR':
    case 'MERGESUPPORTFUNC':
      return no('never null');
    case 'SUBLINK':
      return sublink(proof, node, scope);
    case 'AGGREF':
      return aggregate(proof, node, scope);
    case 'WINDOWFUNC': {
      const name = functionName(proof.catalog, node);
      return countingWindows.has(name) ? no(`${name}() is never null`) : yes('the window may be empty');
    }
    case 'JSONCONSTRUCTOREXPR':
      return [1, 2].includes(numberOf(f['type']))
        ? no('a JSON constructor is never null')
        : yes('the JSON aggregate may see no rows');
    case 'SCALARARRAYOPEXPR':
      return yes('the array may hold a NULL');
    default:
      return yes('no rule proves it');
  }
}
