import { Arg, Int } from 'type-graphql';
import { Disposition } from './file-types.ts';

// Arguments by themselves, not a class of them: lists ask for many such URLs, and a class is validated for each.

/** The argument that says how long a signed URL works. */
export const ExpiresInSeconds = () =>
  Arg('expiresInSeconds', () => Int, {
    nullable: true,
    defaultValue: 300,
    description: 'Seconds it works for, up to 7 days.',
  });

/** The argument that says how a browser treats what a signed URL leads to. */
export const ShownOrSaved = () =>
  Arg('disposition', () => Disposition, {
    nullable: true,
    defaultValue: Disposition.ATTACHMENT,
    description: 'Shown or saved.',
  });
