import type { Program } from '../program.ts';
export const source: Program = async () => 0;
