/** The rules of the house as tests: layering of the modules, and the shape of source files. */
@NullMarked
package dev.lockstep.it.house;

import org.jspecify.annotations.NullMarked;
