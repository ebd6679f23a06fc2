// What the map uses; d3's own types want more than that is worth.
export const quadtree: any;
export const select: any;
export const zoom: any;
export const zoomIdentity: { x: number; y: number; k: number };
