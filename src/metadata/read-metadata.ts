import { canMeasure } from '../images/image-loaders.ts';
import { demuxerOf } from '../isolated/film-containers.ts';
import { isolatedTask, runIsolated } from '../isolated/isolated-work.ts';
import type { ContentSource } from '../previews/content-source.ts';
import type { HostTools } from '../previews/host-tools.ts';
import type { ContentMetadata } from './content-metadata.ts';
import { filmMetadata } from './film-metadata.ts';
import type * as imageMetadata from './image-metadata.ts';
import type * as soundMetadata from './sound-metadata.ts';

/** How facts are read. */
export interface MetadataOptions {
  /** The type that the content was found to have; it decides by which rules the content is read. */
  readonly mimeType: string;
  /** Whether it is told, too, where a picture was taken, by whom and with which very device. */
  readonly keepLocation: boolean;
  /** The one thing that ends a content that never ends. */
  readonly signal: AbortSignal;
  /** Without ffprobe a film tells less of itself. */
  readonly tools?: HostTools;
}

const IMAGE = isolatedTask<typeof imageMetadata>(import.meta.url, './image-metadata');
const SOUND = isolatedTask<typeof soundMetadata>(import.meta.url, './sound-metadata');
const MOST_MEMORY = 512 * 1024 * 1024;

// What music-metadata reads of sounds, and of films where ffprobe is missing.
const SOUNDS =
  /^audio\/(?:mpeg|mp4|x-m4a|aac|flac|x-flac|ogg|opus|wav|x-wav|vnd\.wave|aiff|x-aiff|x-ms-asf|x-ms-wma|webm|matroska|x-matroska|ape|wavpack|x-musepack|x-dsf|x-dff)$/;
const PLAIN_FILMS = new Set(['mov', 'matroska', 'asf', 'ogg']);

/**
 * The facts that a content tells of itself, each bounded; null where its type has none. BAD_USER_INPUT or
 * PAYLOAD_TOO_LARGE for a content that will never tell any: damaged, too large, or not what its type says. Any other
 * failure may pass. On an abort it rejects with the signal’s reason and leaves nothing running.
 */
export async function readMetadata(
  source: ContentSource,
  { mimeType, keepLocation, signal, tools }: MetadataOptions,
): Promise<ContentMetadata | null> {
  signal.throwIfAborted();
  if (source.size === 0) return null;
  const limits = { signal, mostMemory: MOST_MEMORY };
  if (canMeasure(mimeType)) {
    const most = { signal, mostMemory: MOST_MEMORY + 2 * source.size };
    return runIsolated(IMAGE, { mimeType, keepLocation }, source, most);
  }
  const demuxer = demuxerOf(mimeType);
  if (demuxer && tools?.ffprobe) {
    return filmMetadata(source, { mimeType, ffprobe: tools.ffprobe, keepLocation, signal });
  }
  if (SOUNDS.test(mimeType) || (demuxer && PLAIN_FILMS.has(demuxer))) {
    return runIsolated(SOUND, { mimeType }, source, limits);
  }
  return null;
}
