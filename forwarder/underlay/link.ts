// SPDX-License-Identifier: Apache-2.0
/** A WAN link of this node as it is now: what the site's file says, and what the kernel says. */
import type { SiteLink } from '../../api/site/types.js';

/** See the head of this file. */
export interface Link {
  /** Small, stable as long as a link of that name is known; from 1. */
  readonly id: number;
  readonly config: SiteLink;
  /** 0 while there is no such device. */
  readonly ifindex: number;
  /** Up, and with a carrier. */
  readonly up: boolean;
  /** Its device's frames have no Ethernet header. */
  readonly bare?: true;
  /** One a family, canonical, without length. */
  readonly addresses: { readonly v4?: string; readonly v6?: string };
  readonly gateways: { readonly v4?: string; readonly v6?: string };
  /** Of outer packets. */
  readonly mtu: number;
}
