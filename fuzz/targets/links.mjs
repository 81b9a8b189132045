import fc from 'fast-check';
import { Signer } from '../../dist/auth/signatures.js';
import { parseId } from '../../dist/models/object-id.js';
import { LinkService } from '../../dist/services/files/links.js';
import { PartLinks } from '../../dist/services/uploads/part-links.js';
import { nearly, refusedWith } from '../mutations.mjs';

const SECRETS = ['a secret of the fuzzer', 'an older one'];
const BASE = () => 'http://files.example';
const IN_PATH = ['file', 'ticket', 'number'];
const REFUSED = ['FORBIDDEN', 'GONE'];
const id = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 24, maxLength: 24 });
const disposition = fc.constantFrom('inline', 'attachment');
const service = new LinkService(new Signer(SECRETS, 'content links'), BASE);
const parts = new PartLinks(new Signer(SECRETS, 'part links'), BASE);

const contentLink = fc
  .record({
    file: id,
    user: fc.option(id),
    key: fc.option(id),
    disposition,
    seconds: fc.integer({ min: 1, max: 600 }),
  })
  .map(({ file, user, key, disposition: shown, seconds }) => {
    const viewer = user && { userId: parseId(user), key: key && { id: parseId(key) } };
    const { searchParams } = new URL(service.contentUrl(viewer, file, seconds, shown));
    return { file, user, shown, ...Object.fromEntries(searchParams) };
  });
const partLink = fc.tuple(id, fc.integer({ min: 1, max: 10_000 })).map(([ticket, number]) => {
  const { searchParams } = new URL(parts.partUrl(ticket, number, new Date(Date.now() + 60_000)));
  return { ticket, number: String(number), ...Object.fromEntries(searchParams) };
});

/** One of the texts of a link is another one or, in its query, something that is no text. */
const changed = (link, names) =>
  fc.constantFrom(...names).chain((name) =>
    fc
      .oneof(nearly(link[name] ?? ''), fc.constantFrom(['a'], { $ne: null }, 7, null))
      .filter((value) => !IN_PATH.includes(name) || typeof value === 'string')
      .map((value) => ({ ...link, [name]: value })),
  );
const verifyPart = (link) => parts.verify(link.ticket, link.number, link);

/** Signed addresses of contents and of parts. */
export const links = () => ({
  'of a content grants what it was made for': fc.property(contentLink, (link) => {
    const grant = service.verify(link.file, link);
    return grant.disposition === link.shown && (grant.viewer?.userId.toHexString() ?? null) === link.user;
  }),
  'of a content that is changed is refused': fc.property(
    contentLink.chain((link) => changed(link, ['file', 'disposition', 'expires', 'by', 'signature'])),
    (link) => refusedWith(REFUSED, () => service.verify(link.file, link)),
  ),
  'of a part that is changed is refused': fc.property(
    partLink.chain((link) => changed(link, ['ticket', 'number', 'expires', 'signature'])),
    (link) => refusedWith(REFUSED, () => verifyPart(link)),
  ),
  'made for one kind of thing is refused for another': fc.property(contentLink, partLink, (content, part) => {
    const forged = { ...content, signature: part.signature };
    return (
      refusedWith(REFUSED, () => service.verify(content.file, forged)) &&
      refusedWith(REFUSED, () => verifyPart({ ...part, signature: content.signature }))
    );
  }),
});
