import { z } from 'zod';
import { flag, whole } from '../blobs/variables.ts';

/** The variables of what is made of contents: versions, previews, metadata, search, and who is told of them. */
export const CONTENT_VARIABLES = {
  VERSIONS_KEPT: whole(0, 1_000)
    .prefault('10')
    .describe('How many earlier contents of a file are kept when a new one is uploaded over it.'),
  PROCESSING: flag
    .prefault('true')
    .describe('Whether this node makes previews and reads metadata; at least one should.'),
  PROCESSING_CONCURRENCY: whole(1, 64)
    .prefault('2')
    .describe('How many contents one node processes at once.'),
  PROCESSING_TIMEOUT_SECONDS: whole(1, 3_600)
    .prefault('60')
    .describe('After how long processing of one content is given up.'),
  PREVIEW_MAX_MEGAPIXELS: whole(1, 1_000)
    .prefault('100')
    .describe('Images of more than so many million pixels get no preview.'),
  EXIF_KEEP_LOCATION: flag
    .prefault('false')
    .describe('Whether `metadata` tells where a picture was taken and other private facts of its Exif data.'),
  CONTENT_SEARCH: flag
    .prefault('false')
    .describe('Whether search finds words inside of text, PDF and Office files.'),
  WEBHOOK_PRIVATE_ADDRESSES: z
    .enum(['refuse', 'allow'])
    .prefault('refuse')
    .describe(
      'Whether webhooks may lead to private and local addresses; allow it only where all users are trusted.',
    ),
};
