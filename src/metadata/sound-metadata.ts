// Runs in a child process.
import { parseBlob, TrackType } from 'music-metadata';
import { AppError } from '../errors.ts';
import type { RemoteContent } from '../isolated/child-messages.ts';
import { boundedCount, boundedFacts, boundedNumber, boundedText } from './bounded-facts.ts';
import { type ContentMetadata, knownFacts } from './content-metadata.ts';

/** What a sound or a film says of itself, as far as it is told without decoding it. */
export async function work(
  content: RemoteContent,
  { mimeType }: { mimeType: string },
): Promise<ContentMetadata> {
  const { format, common } = await parse(content, mimeType);
  const film = format.trackInfo.find(({ type }) => type === TrackType.video);
  const duration = boundedNumber(format.duration);
  // Of a film the parser tells that of its sound.
  const bitrate = film && duration ? (8 * content.size) / duration : format.bitrate;
  return knownFacts({
    width: boundedCount(film?.video?.pixelWidth),
    height: boundedCount(film?.video?.pixelHeight),
    duration: duration !== null && duration > 0 ? duration : null,
    bitrate: boundedCount(bitrate),
    codec: boundedText(film?.codecName ?? film?.codecId ?? format.codec)?.replace(/^<(.+)>$/, '$1') ?? null,
    extra: boundedFacts({
      title: boundedText(common.title),
      artist: boundedText(common.artist),
      album: boundedText(common.album),
      track: boundedCount(common.track.no),
      year: boundedCount(common.year),
      genre: boundedText(common.genre?.[0]),
      sampleRate: boundedCount(format.sampleRate),
      channels: boundedCount(format.numberOfChannels),
    }),
  });
}

async function parse(content: RemoteContent, mimeType: string) {
  try {
    const blob = new ContentBlob(content, mimeType) as unknown as Blob;
    return await parseBlob(blob, { skipCovers: true, mkvUseIndex: true });
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('BAD_USER_INPUT', 'The content is damaged.', { cause });
  }
}

/** As much of a blob as the parser uses: it reads in slices. */
class ContentBlob {
  readonly type: string;
  readonly size: number;
  private readonly content: RemoteContent;
  private readonly from: number;

  constructor(content: RemoteContent, type: string, from = 0, size = content.size) {
    this.content = content;
    this.type = type;
    this.from = from;
    this.size = size;
  }

  slice(start = 0, end = this.size): ContentBlob {
    const to = Math.min(end, this.size);
    return new ContentBlob(this.content, this.type, this.from + start, Math.max(0, to - start));
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return Uint8Array.from(await this.content.read(this.from, this.from + this.size - 1)).buffer;
  }
}
