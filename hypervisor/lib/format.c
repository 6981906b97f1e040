/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * printf-style formatting into a buffer, for log lines, panics and reports. Called from everywhere,
 * panics included: no locks, no allocation, no state. The output is always terminated and never
 * longer than the buffer; a conversion that is not known is copied as it stands, so a mistake
 * shows.
 */
#include "lib/lib.h"

struct out {
	char *text;
	size_t size, length; /* length: what the whole text needs, even beyond size */
};

struct spec {
	bool left, zero, alternate;
	int width, precision; /* precision -1: none */
	int longs; /* -2 hh, -1 h, 0 int, 1 l or z, 2 ll */
};

static void put(struct out *out, char c)
{
	if (out->length + 1 < out->size)
		out->text[out->length] = c;
	out->length++;
}

static void pad(struct out *out, char c, int count)
{
	while (count-- > 0)
		put(out, c);
}

static void put_text(struct out *out, const struct spec *spec, const char *text)
{
	int length = 0;

	if (!text)
		text = "(null)";
	/* Not strlen: with a precision the text need not be terminated. */
	while ((spec->precision < 0 || length < spec->precision) && text[length])
		length++;
	if (!spec->left)
		pad(out, ' ', spec->width - length);
	for (int i = 0; i < length; i++)
		put(out, text[i]);
	if (spec->left)
		pad(out, ' ', spec->width - length);
}

static void put_number(struct out *out, const struct spec *spec, u64 value, unsigned base,
		       const char *digits, const char *prefix)
{
	char reversed[20]; /* 2^64 has 20 decimal digits */
	int count = 0, zeros, prefix_length = (int)strlen(prefix), fill;

	do {
		reversed[count++] = digits[value % base];
		value /= base;
	} while (value);
	zeros = max(spec->precision - count, 0);
	fill = spec->width - prefix_length - zeros - count;
	if (spec->zero && !spec->left && spec->precision < 0) {
		zeros = max(fill, 0);
		fill = 0;
	}
	if (!spec->left)
		pad(out, ' ', fill);
	for (; *prefix; prefix++)
		put(out, *prefix);
	pad(out, '0', zeros);
	while (count)
		put(out, reversed[--count]);
	if (spec->left)
		pad(out, ' ', fill);
}

static const char *parse_count(const char *at, va_list *args, int *count)
{
	if (*at == '*') {
		*count = va_arg(*args, int);
		return at + 1;
	}
	for (*count = 0; *at >= '0' && *at <= '9'; at++)
		*count = *count * 10 + (*at - '0');
	return at;
}

static const char *parse_spec(const char *at, va_list *args, struct spec *spec)
{
	*spec = (struct spec){ .precision = -1 };
	for (;; at++) {
		if (*at == '-')
			spec->left = true;
		else if (*at == '0')
			spec->zero = true;
		else if (*at == '#')
			spec->alternate = true;
		else
			break;
	}
	at = parse_count(at, args, &spec->width);
	if (spec->width < 0) { /* a negative '*' asks for the left, as in C */
		spec->left = true;
		spec->width = -spec->width;
	}
	if (*at == '.')
		at = parse_count(at + 1, args, &spec->precision);
	for (; *at == 'l'; at++)
		spec->longs++;
	for (; *at == 'h'; at++)
		spec->longs--;
	if (*at == 'z') {
		spec->longs = 1;
		at++;
	}
	return at;
}

static u64 unsigned_arg(const struct spec *spec, va_list *args)
{
	if (spec->longs >= 1) /* long and long long have 64 bits here */
		return va_arg(*args, u64);
	switch (spec->longs) {
	case 0:
		return va_arg(*args, u32);
	case -1:
		return (u16)va_arg(*args, u32);
	default:
		return (u8)va_arg(*args, u32);
	}
}

static s64 signed_arg(const struct spec *spec, va_list *args)
{
	u64 value = unsigned_arg(spec, args);

	switch (spec->longs) {
	case 0:
		return (s32)value;
	case -1:
		return (int16_t)value;
	case -2:
		return (int8_t)value;
	default:
		return (s64)value;
	}
}

/* One conversion; false if its letter is none of ours. */
static bool convert(struct out *out, char letter, const struct spec *spec, va_list *args)
{
	static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";
	s64 number;

	switch (letter) {
	case '%':
		put(out, '%');
		return true;
	case 'c':
		pad(out, ' ', spec->left ? 0 : spec->width - 1);
		put(out, (char)va_arg(*args, int));
		pad(out, ' ', spec->left ? spec->width - 1 : 0);
		return true;
	case 's':
		put_text(out, spec, va_arg(*args, const char *));
		return true;
	case 'd':
	case 'i':
		number = signed_arg(spec, args);
		put_number(out, spec, number < 0 ? -(u64)number : (u64)number, 10, lower,
			   number < 0 ? "-" : "");
		return true;
	case 'u':
		put_number(out, spec, unsigned_arg(spec, args), 10, lower, "");
		return true;
	case 'x':
		put_number(out, spec, unsigned_arg(spec, args), 16, lower,
			   spec->alternate ? "0x" : "");
		return true;
	case 'X':
		put_number(out, spec, unsigned_arg(spec, args), 16, upper,
			   spec->alternate ? "0X" : "");
		return true;
	case 'p':
		put_number(out, spec, (uintptr_t)va_arg(*args, void *), 16, lower, "0x");
		return true;
	default:
		return false;
	}
}

int format_text_v(char *text, size_t size, const char *format, va_list args)
{
	struct out out = { text, size, 0 };
	va_list rest; /* a copy that can be passed by address whatever va_list is */

	va_copy(rest, args);
	while (*format) {
		struct spec spec;
		const char *start = format, *letter;

		if (*format != '%') {
			put(&out, *format++);
			continue;
		}
		letter = parse_spec(format + 1, &rest, &spec);
		if (*letter && convert(&out, *letter, &spec, &rest)) {
			format = letter + 1;
			continue;
		}
		while (format < letter || format == start)
			put(&out, *format++);
	}
	va_end(rest);
	if (size)
		text[min(out.length, size - 1)] = '\0';
	return (int)out.length;
}

int format_text(char *text, size_t size, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = format_text_v(text, size, format, args);
	va_end(args);
	return length;
}
