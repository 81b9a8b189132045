import { escaped } from '../html.ts';
import type { Letter } from './mail.ts';

/** The name that mails speak in. */
const SERVICE = 'imaginaryStorage';

/** What a letter is made of; every word of it is plain text. */
export interface LetterParts {
  readonly subject: string;
  readonly paragraphs: readonly string[];
  /** What to open, and the words of the button, below the first paragraph. */
  readonly link?: { readonly address: string; readonly label: string };
}

/** A letter as text and as HTML that loads nothing from anywhere; no word of it can become markup or a header. */
export function letter({ subject, paragraphs, link }: LetterParts): Letter {
  const [first = '', ...others] = paragraphs.map(plain);
  const address = link ? plain(link.address) : null;
  return {
    subject: plain(subject),
    text: `${[first, ...(address ? [address] : []), ...others, `-- \n${SERVICE}`].join('\n\n')}\n`,
    html: page(plain(subject), [
      paragraph(escaped(first)),
      ...(link && address ? [button(address, plain(link.label)), shownAddress(address)] : []),
      ...others.map((text) => paragraph(escaped(text))),
    ]),
    link: address,
  };
}

/** Asks to show that the address is the account’s, by a link that works for 24 hours. */
export function verificationLetter(username: string, address: string): Letter {
  return letter({
    subject: `Verify your address for ${SERVICE}`,
    paragraphs: [
      `The account ${username} gave this address. Open the link within 24 hours to show that it is yours:`,
      'If you made no account, do nothing: the address then stays unverified.',
    ],
    link: { address, label: 'Verify this address' },
  });
}

/** Lets the owner set a new password, by a link that works for 10 minutes. */
export function passwordResetLetter(username: string, address: string): Letter {
  return letter({
    subject: `Set a new password for ${SERVICE}`,
    paragraphs: [
      `Somebody asked to set a new password for the account ${username}. Open the link within 10 minutes to do so:`,
      'If that was not you, do nothing: the password stays as it is.',
    ],
    link: { address, label: 'Set a new password' },
  });
}

// Line ends, control characters and invisible marks that turn the direction of writing: a name must not pass for ours.
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu;

/** One line of visible characters. */
function plain(text: string): string {
  return text.replace(UNPRINTABLE, ' ').trim();
}

const paragraph = (html: string) => `<p style="margin:0 0 16px">${html}</p>`;

const button = (address: string, label: string) =>
  paragraph(
    `<a href="${escaped(address)}" style="display:inline-block;padding:10px 16px;border-radius:6px;background:#1f4fd8;color:#ffffff;text-decoration:none">${escaped(label)}</a>`,
  );

const shownAddress = (address: string) =>
  `<p style="margin:0 0 16px;word-break:break-all;font-size:13px;color:#555555">${escaped(address)}</p>`;

const page = (title: string, content: readonly string[]) => `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${escaped(title)}</title></head>
<body style="margin:0;padding:24px;font-family:sans-serif;font-size:16px;line-height:1.5;color:#1a1a1a">
${content.join('\n')}
<p style="margin:24px 0 0;color:#777777">${SERVICE}</p>
</body>
</html>
`;
