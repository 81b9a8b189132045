import { AppError } from '../errors.ts';
import { readFilm } from '../isolated/film-reader.ts';
import type { ContentSource } from '../previews/content-source.ts';
import { boundedCount, boundedFacts, boundedNumber, boundedText } from './bounded-facts.ts';
import { type ContentMetadata, knownFacts } from './content-metadata.ts';

type Tags = Readonly<Record<string, unknown>>;

interface Stream {
  readonly codec_type?: unknown;
  readonly codec_name?: unknown;
  readonly width?: unknown;
  readonly height?: unknown;
  readonly avg_frame_rate?: unknown;
  readonly sample_rate?: unknown;
  readonly channels?: unknown;
  readonly side_data_list?: readonly { readonly rotation?: unknown }[];
}

interface Probed {
  readonly streams?: readonly Stream[];
  readonly format?: { readonly duration?: unknown; readonly bit_rate?: unknown; readonly tags?: Tags };
}

const SHOWN =
  'format=duration,bit_rate:format_tags:stream=codec_type,codec_name,width,height,avg_frame_rate,sample_rate,channels:stream_side_data=rotation';
const PLACES = ['location', 'com.apple.quicktime.location.iso6709'];

/** What a film says of itself, by ffprobe; BAD_USER_INPUT for one that is damaged. */
export async function filmMetadata(
  source: ContentSource,
  options: { mimeType: string; ffprobe: string; keepLocation: boolean; signal: AbortSignal },
): Promise<ContentMetadata> {
  const { mimeType, ffprobe, keepLocation, signal } = options;
  const after = ['-show_entries', SHOWN, '-of', 'json'];
  const said = await readFilm(source, { tool: ffprobe, mimeType, before: [], after, signal });
  return factsOf(parse(said), keepLocation);
}

function factsOf({ streams = [], format = {} }: Probed, keepLocation: boolean): ContentMetadata {
  const film = streams.find(({ codec_type }) => codec_type === 'video');
  const sound = streams.find(({ codec_type }) => codec_type === 'audio');
  const duration = boundedNumber(format.duration);
  const [width, height] = [boundedCount(film?.width), boundedCount(film?.height)];
  const isTurned = isQuarterTurn(film?.side_data_list);
  const tags = lowerCased(format.tags ?? {});
  return knownFacts({
    width: isTurned ? height : width,
    height: isTurned ? width : height,
    duration: duration !== null && duration > 0 ? duration : null,
    bitrate: boundedCount(format.bit_rate),
    codec: boundedText((film ?? sound)?.codec_name),
    extra: boundedFacts({
      ...(film && { audioCodec: boundedText(sound?.codec_name), frameRate: ratio(film.avg_frame_rate) }),
      sampleRate: boundedCount(sound?.sample_rate),
      channels: boundedCount(sound?.channels),
      title: boundedText(tags.get('title')),
      artist: boundedText(tags.get('artist')),
      album: boundedText(tags.get('album')),
      takenAt: boundedText(tags.get('creation_time')),
      make: boundedText(tags.get('com.apple.quicktime.make')),
      model: boundedText(tags.get('com.apple.quicktime.model')),
      ...(keepLocation && { location: boundedText(PLACES.map((name) => tags.get(name)).find(Boolean)) }),
    }),
  });
}

function parse(said: Buffer): Probed {
  try {
    return JSON.parse(said.toString()) as Probed;
  } catch (cause) {
    throw new AppError('BAD_USER_INPUT', 'The content is damaged.', { cause });
  }
}

function isQuarterTurn(sides: Stream['side_data_list'] = []): boolean {
  const turn = boundedNumber(sides.find(({ rotation }) => rotation !== undefined)?.rotation) ?? 0;
  return Math.abs(turn) % 180 === 90;
}

/** `30000/1001` as a number. */
function ratio(text: unknown): number | null {
  const [over, under = 1] = String(text).split('/').map(Number);
  const value = boundedNumber((over ?? 0) / under);
  return value !== null && value > 0 ? value : null;
}

function lowerCased(tags: Tags): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(tags).map(([name, value]) => [name.toLowerCase(), value]));
}
