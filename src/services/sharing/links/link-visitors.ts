import type { Signer } from '../../../auth/signatures.ts';
import type { ObjectId } from '../../../models/object-id.ts';
import { addressKey } from '../../limits/address-key.ts';

/** Who opens a link, as far as a request tells. */
export interface Visitor {
  readonly ip: string | null;
  readonly userAgent: string | null;
  /** Whether it is a program that looks at links before people do: it gets no content and counts for nothing. */
  readonly isBot: boolean;
}

// What shows a link in a chat, a mail or a search before, or instead of, a person who opens it.
const BOTS = new RegExp(
  [
    ...['facebookexternalhit', 'facebookcatalog', 'Facebot', 'meta-externalagent', 'WhatsApp'],
    ...['Twitterbot', 'Slackbot', 'Slack-ImgProxy', 'TelegramBot', 'Discordbot', 'LinkedInBot'],
    ...['SkypeUriPreview', 'MicrosoftPreview', 'BingPreview', 'bingbot', 'Google-PageRenderer', 'Googlebot'],
    ...['GoogleImageProxy', 'Google-InspectionTool', 'GoogleOther', 'Google-Read-Aloud', 'Chrome-Lighthouse'],
    ...['Applebot', 'Pinterestbot', 'redditbot', 'vkShare', 'Viber', 'Mattermost-Bot', 'Embedly', 'Iframely'],
    ...['DuckDuckBot', 'YandexBot', 'Mastodon/', 'Bluesky Cardyb', 'ZoomBot', 'Synapse/', 'Snap URL Preview'],
  ].join('|'),
  'i',
);

/** Whether a request is of a program that only looks ahead, by its User-Agent or by what browsers say of a prefetch. */
export function looksAhead(userAgent: string | null | undefined, purposes: readonly unknown[]): boolean {
  return (
    BOTS.test(userAgent ?? '') ||
    purposes.some((purpose) => /prefetch|preview|prerender/i.test(`${purpose ?? ''}`))
  );
}

/** Tells the visitors of a link apart without keeping who they are. */
export class LinkVisitors {
  private readonly signer: Signer;

  constructor(signer: Signer) {
    this.signer = signer;
  }

  /** A keyed digest of where a visitor comes from and with what, another for each link. */
  digest(link: ObjectId, { ip, userAgent }: Visitor): string {
    return this.signer.sign([link.toHexString(), addressKey(ip), userAgent ?? ''].join('\n'));
  }
}
