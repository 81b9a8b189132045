import { registerEnumType } from 'type-graphql';

/** What to do where a name is taken. */
export enum NameCollision {
  FAIL = 'FAIL',
  RENAME = 'RENAME',
}

registerEnumType(NameCollision, {
  name: 'NameCollision',
  description: 'What to do where a name is taken.',
  valuesConfig: {
    FAIL: { description: 'Refuse it: `CONFLICT`.' },
    RENAME: {
      description: 'Take the next free name: `name (2)`, `name (3)`, …, before the extension of a file.',
    },
  },
});
