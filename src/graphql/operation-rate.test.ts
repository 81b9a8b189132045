import { type OperationDefinitionNode, parse } from 'graphql';
import { expect, it } from 'vitest';
import { rootFields } from './operation-rate.ts';

function count(source: string): number {
  const document = parse(source);
  return rootFields(document, document.definitions[0] as OperationDefinitionNode);
}

it('counts every field at the root, each alias as one, and nothing below', () => {
  expect(count('{ me { id username } }')).toBe(1);
  expect(count('{ a: me { id } b: me { id } c: me { id } }')).toBe(3);
});

it('counts the fields that fragments bring to the root, as often as they are spread', () => {
  expect(count('{ ...A ...A ... { me { id } } } fragment A on Query { a: me { id } b: me { id } }')).toBe(5);
});

it('counts spreads of spreads in time that does not grow with their number', () => {
  const fragments = Array.from(
    { length: 40 },
    (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`,
  );
  const began = performance.now();
  expect(count(`{ ...F0 } ${fragments.join(' ')} fragment F40 on Query { me { id } }`)).toBe(2 ** 40);
  expect(performance.now() - began).toBeLessThan(200);
});
