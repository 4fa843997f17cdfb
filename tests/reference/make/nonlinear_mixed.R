# Numbers of tests/reference/test_nonlinear_mixed_r.py, by R's nlme.
#
#   Rscript tests/reference/make/nonlinear_mixed.R DATA_FOLDER > tests/reference/data/nonlinear_mixed.json
#
# DATA_FOLDER holds Indometh.csv and Theoph.csv of R's datasets. Debian: r-base-core, r-cran-nlme, r-cran-jsonlite.
suppressMessages({library(nlme); library(jsonlite)})
folder <- commandArgs(trailingOnly = TRUE)[1]
# A tighter pnlsTol makes nlme stop with an error in its step halving.
tight <- nlmeControl(maxIter = 1000, pnlsMaxIter = 200, msMaxIter = 1000, tolerance = 1e-9, pnlsTol = 1e-7, msTol = 1e-12)

described <- function(fit) {
  omega <- as.matrix(pdMatrix(fit$modelStruct$reStruct)[[1]]) * fit$sigma^2
  list(fixed = unname(fixef(fit)), covariance = unname(as.matrix(fit$varFix)), omega = unname(omega),
       log_sd_u = if (is.matrix(fit$apVar)) unname(sqrt(diag(fit$apVar))) else list(),
       sigma = fit$sigma, log_likelihood = as.numeric(logLik(fit)), random_effects = unname(as.matrix(ranef(fit))),
       subjects = rownames(ranef(fit)))
}

indometh <- read.csv(file.path(folder, "Indometh.csv")); indometh$Subject <- factor(indometh$Subject)
theoph <- read.csv(file.path(folder, "Theoph.csv")); theoph$Subject <- factor(theoph$Subject)
biexponential <- function(random) nlme(
  conc ~ SSbiexp(time, A1, lrc1, A2, lrc2), data = indometh, fixed = A1 + lrc1 + A2 + lrc2 ~ 1, random = random,
  groups = ~Subject, start = c(2.8, 0.8, 0.46, -1.35), control = tight)
absorption <- function(random, fixed = lKe + lKa + lCl ~ 1, start = c(-2.4, 0.45, -3.2),
                       method = "ML", data = theoph, weights = NULL, control = tight) nlme(
  conc ~ SSfol(Dose, Time, lKe, lKa, lCl), data = data, fixed = fixed, random = random, groups = ~Subject,
  start = start, control = control, method = method, weights = weights)

# Tumours of patients: reduction of volume by dose, two grades; drawn once, with the seed.
set.seed(20240509)
patients <- 25
growth <- do.call(rbind, lapply(seq_len(patients), function(p) {
  n <- sample(1:5, 1); grade <- sample(c("G1", "G2"), 1)
  dose <- round(runif(n, 15, 300), 1)
  a <- ifelse(grade == "G1", 62, 78) + rnorm(1, 0, 9)
  data.frame(patient = paste0("p", p), grade = grade, dose = dose,
             response = round(a * (1 - exp(-dose / ifelse(grade == "G1", 55, 32))) + rnorm(n, 0, 8), 2))
}))
growth$patient <- factor(growth$patient, unique(growth$patient)); growth$grade <- factor(growth$grade)
grown <- nlme(response ~ a * (1 - exp(-dose / exp(ld))), data = growth, fixed = a + ld ~ grade, random = a ~ 1,
              groups = ~patient, start = c(62, 16, log(55), -0.5), control = tight)

cat(toJSON(list(
  made_with = list(R = R.version.string, nlme = as.character(packageVersion("nlme"))),
  fits = list(
    indometh_four_independent = described(biexponential(pdDiag(A1 + lrc1 + A2 + lrc2 ~ 1))),
    # A variance that ends at zero, where another end of the same algorithm has none.
    indometh_rates_independent = described(biexponential(pdDiag(lrc1 + lrc2 ~ 1))),
    indometh_three_independent = described(biexponential(pdDiag(A1 + lrc1 + A2 ~ 1))),
    theoph_two_independent = described(absorption(pdDiag(lKa + lCl ~ 1))),
    theoph_three_independent = described(absorption(pdDiag(lKe + lKa + lCl ~ 1))),
    theoph_two_dependent = described(absorption(pdSymm(lKa + lCl ~ 1))),
    theoph_three_dependent = described(absorption(pdSymm(lKe + lKa + lCl ~ 1))),
    theoph_weight = described(absorption(
      pdDiag(lKa + lCl ~ 1), list(lKe ~ 1, lKa ~ 1, lCl ~ Wt), c(-2.4, 0.45, -3.2, 0))),
    theoph_two_restricted = described(absorption(pdDiag(lKa + lCl ~ 1), method = "REML")),
    # The curve is zero at the first time, where a proportional scatter would be zero.
    theoph_proportional = described(absorption(
      pdDiag(lKa + lCl ~ 1), data = subset(theoph, Time > 0), weights = varPower(1, ~fitted(.), fixed = 1))),
    growth = described(grown)),
  growth = list(patient = as.character(growth$patient), grade = as.character(growth$grade), dose = growth$dose,
                response = growth$response)), digits = NA, auto_unbox = TRUE, pretty = FALSE), "\n")
