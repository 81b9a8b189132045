import ipaddr from 'ipaddr.js';

const PREFIX_PARTS = 4;
// Some proxies, such as Azure’s Application Gateway, write the client’s port behind its address.
const WITH_PORT = /^(?:(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}|\[([^\]]+)\](?::\d{1,5})?)$/;

/**
 * What a client’s address counts as: an IPv4 address as itself, also where it is written as IPv6, and an IPv6 address
 * as its /64, which is what one customer has at the least. What is no address counts as one and the same.
 */
export function addressKey(ip: string | null | undefined): string {
  const [, ipv4, ipv6] = WITH_PORT.exec(ip ?? '') ?? [];
  const bare = ipv4 ?? ipv6 ?? ip;
  if (!bare || !ipaddr.isValid(bare)) return 'unknown';
  // `process` turns an IPv4-mapped address into the IPv4 address.
  const address = ipaddr.process(bare);
  if (address.kind() === 'ipv4') return address.toString();
  const { parts } = address as ipaddr.IPv6;
  return `${parts
    .slice(0, PREFIX_PARTS)
    .map((part) => part.toString(16))
    .join(':')}::/64`;
}
