import { isNode, nodesOf, numberOf, setOf, type TreeNode } from '../engine/node-tree.ts';
import { inputsOf } from './aggregates.ts';
import { assume } from './facts.ts';
import { all, type Proof } from './proof.ts';
import { builtin, constArrayHasNull, flag, functionName } from './query-tree.ts';
import { type Scope, targets } from './scope.ts';
import { trustRules } from './trust.ts';
import { typeOf } from './trusted-functions.ts';
import { no, type Verdict, yes } from './verdict.ts';

const arraySublink = 6;

/** Whether the elements of an array can be null: of an array of arrays, those that are no arrays. */
export function elements(proof: Proof, node: TreeNode, scope: Scope): Verdict {
  const f = node.fields;
  const kindOf = (type: number) => proof.catalog.types.get(type)?.kind;
  switch (node.type) {
    case 'PARAM':
      return numberOf(f['paramkind']) === 0 && !proof.params.elementsNullable(numberOf(f['paramid']))
        ? no('the array parameter holds no NULL')
        : yes('the array parameter may hold NULL');
    case 'CONST':
      return constArrayHasNull(node)
        ? yes('the constant array may hold NULL')
        : no('a constant without NULL');
    case 'ARRAYEXPR':
    case 'ARRAY': {
      const items = nodesOf(f['elements']);
      if (!flag(f['multidims'])) return all(proof, items, scope, 'every element is not null');
      const inner = items.map((item) => elements(proof, item, scope));
      return inner.find((verdict) => verdict.nullable) ?? no('no element of an element is null');
    }
    case 'RELABELTYPE':
      return isNode(f['arg']) ? elements(proof, f['arg'], scope) : yes('the cast array is not known');
    case 'ARRAYCOERCEEXPR':
      if (!isNode(f['arg']) || !isNode(f['elemexpr'])) return yes('the cast array is not known');
      return keepsValue(proof, f['elemexpr'])
        ? elements(proof, f['arg'], scope)
        : yes('the cast of an element may give NULL');
    case 'SUBLINK': {
      if (numberOf(f['subLinkType']) !== arraySublink || !isNode(f['subselect'])) break;
      const inner = proof.scope(f['subselect'], scope);
      const output = targets(inner)[0]?.fields['expr'];
      if (!isNode(output)) return yes('the aggregated value is not known');
      return holds(proof, output, kindOf(typeOf(output)), inner, () => proof.output(inner, 0));
    }
    case 'AGGREF': {
      if (functionName(proof.catalog, node) !== 'array_agg') break;
      const [input] = inputsOf(node);
      if (!input) return yes('the aggregated value is not known');
      const type = setOf(f['aggargtypes'])[0] ?? typeOf(input);
      return scope.knowing(
        () => assume(proof.catalog, f['aggfilter'], scope),
        () => holds(proof, input, kindOf(type), scope, () => proof.expression(input, scope)),
      );
    }
    case 'COALESCEEXPR':
    case 'COALESCE': {
      const options = nodesOf(f['args']).map((option) => elements(proof, option, scope));
      return options.find((option) => option.nullable) ?? no('no option of COALESCE holds a NULL');
    }
  }
  return yes('an array may hold NULL elements');
}

/** What is gathered into an array: arrays become one of more dimensions, so their elements count. */
function holds(
  proof: Proof,
  value: TreeNode,
  kind: string | undefined,
  scope: Scope,
  judge: () => Verdict,
): Verdict {
  return kind === 'array' || value.type === 'SUBLINK' ? elements(proof, value, scope) : judge();
}

/** A cast that gives NULL for NULL alone; the value stands in it as CASETESTEXPR. */
function keepsValue(proof: Proof, cast: TreeNode): boolean {
  const { arg, args } = cast.fields;
  switch (cast.type) {
    case 'CASETESTEXPR':
      return true;
    case 'CONST':
      return !flag(cast.fields['constisnull']);
    case 'RELABELTYPE':
    case 'COERCEVIAIO':
    case 'COERCETODOMAIN':
      return isNode(arg) && keepsValue(proof, arg);
    case 'FUNCEXPR': {
      const known = builtin(proof.catalog, cast);
      return (
        known !== undefined &&
        trustRules(proof.catalog).function(known, cast) === 'as-arguments' &&
        nodesOf(args).every((inner) => keepsValue(proof, inner))
      );
    }
    default:
      return false;
  }
}
