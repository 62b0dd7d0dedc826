export declare function isExecutable(path: string): boolean
/** The path of a program, or undefined when this machine does not have it. */
export declare function findProgram(name: string): string | undefined
