/* SPDX-License-Identifier: BSD-2-Clause */
/* What exits of a trace were about, for trace_text.c alone. */
#ifndef TOOLS_TRACE_EXITS_H
#define TOOLS_TRACE_EXITS_H

#include "trace.h"

/* "#PF", or NULL where the vector is no exception. */
const char *trace_exception_name(unsigned int vector);
void trace_exit_args(const struct trace *trace, const struct trace_entry *entry,
		     struct trace_line *line);
void trace_exit_result(const struct trace_entry *entry, struct trace_line *line);

#endif
