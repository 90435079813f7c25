# tap.pl SUM FILES...: runs TAP tests one after the other, shows the logs of
# those that fail, and writes "PASSED FAILED", counted in assertions, to SUM.
# A file that dies, or stops before its plan, counts as a failed assertion.
use strict;
use warnings;
use File::Basename;
use TAP::Harness;

my ($sum, @files) = @ARGV;
my $harness = TAP::Harness->new({ verbosity => 0, failures => 1, timer => 1 });
my ($passed, $failed) = (0, 0);

# what a file wrote last, and so why it failed
sub show_log
{
    my $log = shift;
    open(my $in, '<', $log) or return;
    my @lines = <$in>;
    print "--- end of ", basename($log), "\n", @lines > 40 ? @lines[ -40 .. -1 ] : @lines;
}

$harness->callback(
    after_test => sub {
        my ($job, $parser) = @_;
        my $file = $job->[0];
        my $name = basename($file, '.pl');
        my $wrong = $parser->failed;

        # an assertion that fails makes the file exit with an error, too
        $wrong++ if $parser->parse_errors || (!$wrong && $parser->has_problems);
        print "$file skipped: ", $parser->skip_all || 'no reason given', "\n"
          if defined $parser->skip_all;
        $passed += $parser->passed;
        $failed += $wrong;
        return unless $wrong;
        show_log($_) foreach "tmp_check/log/regress_log_$name", glob("tmp_check/log/${name}_*.log");
    });
$harness->runtests(@files);

open(my $out, '>', $sum) or die "$sum: $!";
print $out "$passed $failed\n";
close($out) or die "$sum: $!";
