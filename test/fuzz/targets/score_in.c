/*
 * score_in.c: a text is accepted exactly if the parser in this file accepts it,
 * digit by digit, and then read as the same score.
 */
#include "scores.h"

/*
 * Reads the millionths of a text; returns -1 if it is not a score, -2 if 128 bits
 * may not hold it.
 */
static int64
read_millionths(const char *text)
{
	const char *space = " \t\n\r\f\v";
	const char *p = text + strspn(text, space);
	bool		negative = *p == '-';
	size_t		whole;
	size_t		decimals = 0;
	size_t		zeros;
	const char *fraction = "";
	int64		millionths = 0;
	int64		scale = SCORE_UNIT;

	p += *p == '+' || *p == '-';
	whole = strspn(p, "0123456789");
	if (p[whole] == '.')
	{
		fraction = p + whole + 1;
		decimals = strspn(fraction, "0123456789");
	}
	if (whole + decimals == 0 ||
		*(p + whole + (p[whole] == '.') + decimals +
		  strspn(p + whole + (p[whole] == '.') + decimals, space)) != '\0')
		return -1;

	while (decimals > 0 && fraction[decimals - 1] == '0')
		decimals--;
	zeros = strspn(p, "0");
	p += Min(zeros, whole);
	whole -= Min(zeros, whole);
	/* 128 bits may not hold more than 38 digits */
	if (whole + decimals > 38 && !(whole == 0 && decimals - strspn(fraction, "0") <= 38))
		return -2;
	if (whole > 3)
		return -1;
	for (size_t i = 0; i < whole; i++)
		millionths = millionths * 10 + (p[i] - '0');
	millionths *= SCORE_UNIT;
	for (size_t i = 0; i < decimals && i < SCORE_DECIMALS; i++)
		millionths += (fraction[i] - '0') * (scale /= 10);
	if (millionths > SCORE_MAX || (millionths == SCORE_MAX && decimals > SCORE_DECIMALS))
		return -1;
	if (negative && (millionths > 0 || decimals > 0))
		return -1;
	return millionths + (decimals > SCORE_DECIMALS && fraction[SCORE_DECIMALS] >= '5');
}

void
fuzz_input(const uint8 *data, size_t size)
{
	char	   *text = text_input(data, size);
	int64		expected = read_millionths(text);
	Datum		score;

	if (!try_call(score_in, &score, 1, CStringGetDatum(text)))
	{
		CHECK(error_seen.sqlstate == ERRCODE_INVALID_TEXT_REPRESENTATION ||
			  error_seen.sqlstate == ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE);
		CHECK(expected < 0);
		return;
	}
	fuzz_taken++;
	CHECK(expected == -2 || DatumGetScore(score) == expected);
	score_check(score);
}
