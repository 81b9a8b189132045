import type { Expression } from '../../models/object-id.ts';
import type { Place } from '../../models/place.ts';

/** The elements of a list that meet a condition on `$$this`; none of a list that is absent. */
export const filtered = (list: string, cond: Expression): Expression => ({
  $filter: { input: { $ifNull: [list, []] }, cond },
});

/** The list; absent rather than empty. */
export const filledOnly = (list: Expression): Expression => ({
  $cond: [{ $eq: [list, []] }, '$$REMOVE', list],
});

/** The fields of a place, as they are: a name that began with a dollar sign would be read as a field’s. */
export const literals = ({ provider, location, key }: Place) => ({
  provider: { $literal: provider },
  location: { $literal: location },
  key: { $literal: key },
});

/** The copy that is read first, and these others, as leftovers that stay until then. */
export const givenUp = (others: Expression, deleteAfter: Date): Expression => ({
  $concatArrays: [
    [{ provider: '$provider', location: '$location', key: '$key', deleteAfter }],
    { $map: { input: others, in: { $mergeObjects: ['$$this', { deleteAfter }] } } },
  ],
});

/** Such previews as leftovers that stay until then. */
export const previewsGivenUp = (previews: Expression, deleteAfter: Date): Expression => ({
  $map: {
    input: previews,
    in: {
      provider: '$$this.provider',
      location: '$$this.location',
      key: '$$this.key',
      deleteAfter,
    },
  },
});

/**
 * The fields of a blob that is to be processed once more where it loses previews that meet a condition on `$$this`; they
 * are given up as leftovers elsewhere in the same step.
 */
export const withoutPreviews = (lost: Expression): Record<string, Expression | string> => {
  const unless = (field: string, instead: string) => ({
    $cond: [{ $eq: [filtered('$previews', lost), []] }, `$${field}`, instead],
  });
  return {
    previews: filledOnly(filtered('$previews', { $not: [lost] })),
    processedAt: unless('processedAt', '$$REMOVE'),
    processingDueAt: unless('processingDueAt', '$$NOW'),
  };
};
